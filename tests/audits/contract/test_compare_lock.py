"""Measurement against lock file: stops, routes, derivatives, and locks that cannot be compared."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audits.contract import Comparison
from audits.drift import Drift, DriftKind
from audits.errors import AuditError
from audits.places import Place, StopKind
from audits.result import Cell, Routes, Status


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


def test_a_stop_of_another_name_that_stops_the_same_is_remarked(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path, toy.flow(stops={"jepa": [toy.stop("sg_z")]}))
    renamed = toy.stop("sg_z", loss="embedding")
    (before,) = toy.flow(stops={"jepa": [toy.stop("sg_z")]}).routes["jepa"].cuts
    cuts = toy.routing("predictor, h_to_z", [toy.stop("sg_z")], ways={})
    flow = toy.flow(stops={"jepa": [renamed]}, routes={"jepa": replace(cuts, cuts={before: (renamed,)})})
    comparison = toy.checked(toy.audit(flow), path)
    assert comparison.passed
    (note,) = comparison.notes
    assert "trainer.losses.jepa: sg_z is now trainer.losses.embedding: sg_z" in note
    assert note.startswith("renamed or moved")


def test_a_new_stop_is_shown_where_it_is(toy: SimpleNamespace, tmp_path: Path) -> None:
    new = toy.stop("stop(h)", line=9)
    drift, target = drifts(toy, agreed(toy, tmp_path), toy.flow(stops={"jepa": [new]}))
    assert (target.kind, target.place) == (DriftKind.STOP_GRAD, new.place)
    assert (drift.kind, drift.loss, drift.module, drift.place) == (DriftKind.STOP_NEW, "jepa", "", new.place)
    assert (drift.expected, drift.reason) == (
        "no stop of stop(h) into the loss",
        "cut at /trainer/losses.py:9 (stop(h))",
    )


def test_a_lost_stop_is_shown_where_the_gradient_passes_now(toy: SimpleNamespace, tmp_path: Path) -> None:
    shared, own = toy.stop("stop(h)"), toy.stop("x.detach()")
    path = agreed(toy, tmp_path, toy.flow(stops={"jepa": [shared, own], "rank": [shared]}))
    call = Place("/trainer/losses.py", 30, "trainer.losses", "jepa", "net.value(x)")
    routing = toy.routing("predictor, h_to_z", ways={"x.detach() into the loss": call})
    gone = {
        drift.expected: drift
        for drift in drifts(toy, path, toy.flow(stops={"rank": [shared]}, routes={"jepa": routing}))
    }
    assert {drift.loss for drift in gone.values() if drift.kind is DriftKind.STOP_GONE} == {"jepa"}
    lost = gone["a stop of x.detach() into the loss, trainer.losses.jepa: x.detach()"]
    still = gone["a stop of stop(h) into the loss, trainer.losses.jepa: stop(h)"]
    assert (lost.reason, lost.place) == ("trainer.losses.jepa: x.detach() is gone", call)
    assert (lost.origin, still.origin) == ("trainer.losses.jepa: x.detach()", "")
    assert still.place == shared.place
    assert lost.remedy == "restore the stop, or run with --update and review the diff"


def test_stops_that_nobody_designed_are_not_locked(toy: SimpleNamespace, tmp_path: Path) -> None:
    rounding = toy.stop("x.round()", kind=StopKind.NOT_DIFFERENTIABLE)
    assert drifts(toy, agreed(toy, tmp_path), toy.flow(stops={"jepa": [rounding]})) == ()


def routed(toy: SimpleNamespace, *terms: str, **other: Any) -> object:
    """A flow whose first loss has other routes than the usual one."""
    return toy.flow(routes={"jepa": Routes(terms, **other)})


def test_other_routes_of_a_loss_are_one_drift(toy: SimpleNamespace, tmp_path: Path) -> None:
    place = Place("/trainer/losses.py", 30, "trainer.losses", "jepa", "mse_loss(p, x)")
    new = routed(toy, "predictor with x", "h_to_z with x", places={"predictor with x": place})
    (drift,) = drifts(toy, agreed(toy, tmp_path), new)
    assert (drift.kind, drift.loss, drift.module, drift.place) == (DriftKind.ROUTE, "jepa", "", place)
    assert (drift.expected, drift.found) == ("predictor with h_to_z", "predictor with x and 1 more")


def test_paths_of_autograd_are_free(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    assert drifts(toy, path, toy.flow(cells=[Cell("jepa", "predictor", Status.LIVE, 900)])) == ()


def test_routes_are_silent_where_another_drift_explains_them(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    stopped = toy.flow(stops={"jepa": [toy.stop("sg_z")]})
    assert [drift.kind for drift in drifts(toy, path, stopped)] == [DriftKind.STOP_NEW, DriftKind.STOP_GRAD]
    missing = toy.flow({**toy.UPDATES, "jepa": "predictor"})
    assert [drift.kind for drift in drifts(toy, path, missing)] == [DriftKind.MISSING]


@pytest.mark.parametrize(("before", "after"), [(None, -1.0), (-1.0, None), (-1.0, 0.5)])
def test_another_derivative_is_drift(
    toy: SimpleNamespace, tmp_path: Path, before: float | None, after: float | None
) -> None:
    def flow(ratio: float | None) -> object:
        cell = Cell("jepa", "predictor", Status.LIVE, 3, derivative_ratio=ratio)
        return toy.flow(cells=[cell])

    (drift,) = drifts(toy, agreed(toy, tmp_path, flow(before)), flow(after))
    assert (drift.kind, drift.loss, drift.module) == (DriftKind.DERIVATIVE, "jepa", "predictor")
    assert "reversed" in drift.expected + drift.found
    assert drifts(toy, agreed(toy, tmp_path, flow(after)), flow(after)) == ()


def test_what_is_not_in_the_lock_is_drift(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    found = drifts(toy, path, toy.flow(), toy.flow(at=toy.setting(gate_a=True)))
    assert [(drift.loss, drift.settings) for drift in found] == [(loss, ("gate_a=True",)) for loss in toy.LOSSES]
    assert found[0].reason.startswith("not in the lock")
    assert "--update" in found[0].remedy


def test_a_lock_of_another_target(toy: SimpleNamespace, tmp_path: Path) -> None:
    path = agreed(toy, tmp_path)
    with pytest.raises(AuditError, match=r"the lock is of 'trainer', the audit of 'other'.*--update"):
        toy.checked(toy.audit(target="other"), path)


def of_shape(toy: SimpleNamespace, path: Path, shape: dict, **other: bool) -> Comparison:
    return toy.checked(toy.audit(routed(toy, "predictor with x"), shape=shape), path, **other)


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
    assert "routes were not compared" in comparison.notes[0]
    stopped = toy.audit(toy.flow(stops={"rank": [toy.stop("stop(h)")]}), shape={"frames": 6})
    kinds = [drift.kind for drift in toy.checked(stopped, path, shape_matters=False).drifts]
    assert DriftKind.STOP_NEW in kinds
