"""Measurement against lock file: stops, path counts, and locks that cannot be compared."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import Comparison
from audits.contract.lock import lock_path
from audits.drift import Drift, DriftKind
from audits.errors import AuditError
from audits.places import StopKind
from audits.result import Cell, Status


def agreed(toy: SimpleNamespace, folder: Path, *flows: object) -> Path:
    """A document and a lock file that say what these flows are."""
    toy.updated(toy.audit(*flows), folder / "flow.md")
    return folder / "flow.md"


def drifts(toy: SimpleNamespace, path: Path, *flows: object) -> tuple[Drift, ...]:
    return toy.checked(toy.audit(*flows), path).drifts


def test_what_was_locked_passes(toy: SimpleNamespace, tmp_path: Path) -> None:
    flows = toy.flow(stops={"jepa": [toy.stop("sg_z")]}), toy.flow(at=toy.setting(gate_a=True))
    comparison = toy.checked(toy.audit(*flows), agreed(toy, tmp_path, *flows))
    assert (comparison.passed, comparison.notes) == (True, ())


def test_a_moved_line_is_no_difference(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path, toy.flow(stops={"jepa": [toy.stop("sg_z")]}))
    assert drifts(toy, path, toy.flow(stops={"jepa": [toy.stop("sg_z", line=70)]})) == ()


def test_a_new_stop_is_shown_where_it_is(toy: SimpleNamespace, tmp_path: Path) -> None:
    new = toy.stop("stop(h)", line=9)
    drift, target = drifts(toy, agreed(toy, tmp_path), toy.flow(stops={"jepa": [new]}))
    assert (target.kind, target.place) == (DriftKind.STOP_GRAD, new.place)
    assert (drift.kind, drift.loss, drift.module, drift.place) == (DriftKind.STOP_NEW, "jepa", "", new.place)
    assert (drift.expected, drift.reason) == (
        "no stop at trainer.losses.jepa: stop(h)",
        "cut at /trainer/losses.py:9 (stop(h))",
    )


def test_a_lost_stop_is_named_and_shown_where_others_still_meet_it(toy: SimpleNamespace, tmp_path: Path) -> None:
    shared, own = toy.stop("stop(h)"), toy.stop("x.detach()")
    path = agreed(toy, tmp_path, toy.flow(stops={"jepa": [shared, own], "rank": [shared]}))
    gone = {drift.expected: drift for drift in drifts(toy, path, toy.flow(stops={"rank": [shared]}))}
    assert {drift.kind for drift in gone.values()} == {DriftKind.STOP_GONE, DriftKind.STOP_GRAD}
    lost, still = gone["a stop at trainer.losses.jepa: x.detach()"], gone["a stop at trainer.losses.jepa: stop(h)"]
    assert (lost.reason, lost.place) == ("the stop is gone", None)
    assert still.place == shared.place
    assert lost.remedy == "restore the stop, or run with --update and review the diff"


def test_stops_that_nobody_designed_are_not_locked(toy: SimpleNamespace, tmp_path: Path) -> None:
    rounding = toy.stop("x.round()", kind=StopKind.NOT_DIFFERENTIABLE)
    assert drifts(toy, agreed(toy, tmp_path), toy.flow(stops={"jepa": [rounding]})) == ()


def with_paths(toy: SimpleNamespace, *, predictor: int | None = 3, h_to_z: int | None = 3, **other: object) -> object:
    cells = [Cell("jepa", "predictor", Status.LIVE, predictor), Cell("jepa", "h_to_z", Status.LIVE, h_to_z)]
    return toy.flow(cells=cells, **other)


def test_path_counts_of_a_loss_are_one_drift(toy: SimpleNamespace, tmp_path: Path) -> None:
    (drift,) = drifts(toy, agreed(toy, tmp_path), with_paths(toy, predictor=240, h_to_z=5))
    assert (drift.kind, drift.loss, drift.module) == (DriftKind.PATHS, "jepa", "")
    assert drift.reason == "predictor 3 -> 240, h_to_z 3 -> 5"


def test_a_path_without_gradient_counts_too(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    (drift,) = drifts(toy, path, toy.flow(cells=[Cell("jepa", "encoder", Status.VACUOUS, 2)]))
    assert drift.reason == "encoder 0 -> 2"


@pytest.mark.parametrize(("before", "after"), [(None, 240), (3, None), (None, None)])
def test_what_cannot_be_counted_is_not_compared(
    toy: SimpleNamespace, tmp_path: Path, before: int | None, after: int | None
) -> None:
    path = agreed(toy, tmp_path, with_paths(toy, predictor=before))
    assert drifts(toy, path, with_paths(toy, predictor=after)) == ()


def test_path_counts_are_silent_where_another_drift_explains_them(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    stopped = with_paths(toy, predictor=2, stops={"jepa": [toy.stop("sg_z")]})
    assert [drift.kind for drift in drifts(toy, path, stopped)] == [DriftKind.STOP_NEW, DriftKind.STOP_GRAD]
    missing = toy.flow({**toy.UPDATES, "jepa": "predictor"})
    assert [drift.kind for drift in drifts(toy, path, missing)] == [DriftKind.MISSING]


def test_what_is_not_in_the_lock_is_drift(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    found = drifts(toy, path, toy.flow(), toy.flow(at=toy.setting(gate_a=True)))
    assert [(drift.loss, drift.settings) for drift in found] == [(loss, ("gate_a=True",)) for loss in toy.LOSSES]
    assert found[0].reason.startswith("not in the lock")
    assert "--update" in found[0].remedy


def of_another_torch(path: Path) -> Path:
    lock = lock_path(path)
    lock.write_text(re.sub(r'"torch": "[^"]*"', '"torch": "1.0.0"', lock.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def test_another_torch_is_noted_where_path_counts_differ(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = of_another_torch(agreed(toy, tmp_path))
    assert toy.checked(toy.audit(), path).notes == ()
    assert "written with torch 1.0.0" in toy.checked(toy.audit(with_paths(toy, predictor=4)), path).notes[0]


def test_a_lock_of_another_target(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    with pytest.raises(AuditError, match=r"the lock is of 'trainer', the audit of 'other'.*--update"):
        toy.checked(toy.audit(target="other"), path)


def of_shape(toy: SimpleNamespace, path: Path, shape: dict, **other: bool) -> Comparison:
    return toy.checked(toy.audit(with_paths(toy, predictor=4), shape=shape), path, **other)


def test_a_lock_of_another_shape_says_each_key(toy: SimpleNamespace, tmp_path: Path) -> None:
    toy.updated(toy.audit(shape={"frames": 8, "K": 3, "B": 2}), tmp_path / "flow.md")
    with pytest.raises(AuditError) as caught:
        of_shape(toy, tmp_path / "flow.md", {"frames": 6, "B": 2, "deep": True})
    assert "(frames: 8 in the lock, 6 here, K: 3 in the lock, none here, deep: none in the lock, True here)" in str(
        caught.value
    )
    assert "audit at the shape of the lock, or write it anew with --update" in str(caught.value)


def test_where_the_shape_does_not_matter_stops_are_still_compared(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    comparison = of_shape(toy, path, {"frames": 6}, shape_matters=False)
    assert comparison.passed
    assert "path counts were not compared" in comparison.notes[0]
    stopped = toy.audit(toy.flow(stops={"rank": [toy.stop("stop(h)")]}), shape={"frames": 6})
    kinds = [drift.kind for drift in toy.checked(stopped, path, shape_matters=False).drifts]
    assert DriftKind.STOP_NEW in kinds
