"""Measurement against document: which drifts are found, and what they say."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import compare
from audits.drift import Drift, DriftKind
from audits.result import Cell, Status

Write = Callable[[str], Path]

ROWS = """\
| Loss | Target | Updates |
| --- | --- | --- |
| jepa | | predictor, h_to_z |
| recon | | encoder, decoder |
| rank | | — |

| Gate | Losses | Loses |
| --- | --- | --- |
| gate_a=True | recon | encoder |
"""


@pytest.fixture
def drifts_of(toy: SimpleNamespace, document: Write) -> Callable[..., tuple[Drift, ...]]:
    """The drifts of some flows from a document, without a lock."""

    def compared(*flows: object, text: str = ROWS) -> tuple[Drift, ...]:
        return toy.checked(toy.audit(*flows), document(text)).drifts

    return compared


def test_as_documented(toy: SimpleNamespace, document: Write) -> None:
    a = toy.flow({**toy.UPDATES, "recon": "decoder"}, at=toy.setting(gate_a=True))
    comparison = toy.checked(toy.audit(toy.flow(), a), document(ROWS))
    assert comparison.passed
    assert comparison.notes == ("no lock file: routes and stops were not compared; --update writes one",)


@pytest.mark.parametrize("status", [Status.LIVE, Status.IDLE])
def test_what_is_updated_on_some_batch_is_as_documented(
    toy: SimpleNamespace, drifts_of: Callable, status: Status
) -> None:
    assert drifts_of(toy.flow(cells=[Cell("jepa", "predictor", status)])) == ()


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (Status.ABSENT, "", "no data path"),
        (Status.ABSENT, "never used", "never used"),
        (Status.VACUOUS, "", "the gradient is zero or rounding noise"),
        (Status.FROZEN, "", "its parameters have requires_grad False"),
    ],
)
def test_missing(toy: SimpleNamespace, drifts_of: Callable, status: Status, reason: str, said: str) -> None:
    (drift,) = drifts_of(toy.flow(cells=[Cell("jepa", "predictor", status, reason=reason)]))
    assert (drift.kind, drift.loss, drift.module) == (DriftKind.MISSING, "jepa", "predictor")
    assert (drift.expected, drift.found, drift.reason) == ("updates predictor", str(status), said)
    assert drift.row is not None
    assert drift.row.line == 3
    assert "--update" in drift.remedy


def test_missing_names_every_stop_on_the_way(toy: SimpleNamespace, drifts_of: Callable) -> None:
    stops = (toy.stop("sg_z"), toy.stop("gate(z)", line=9, gate="gate_b"))
    (drift,) = drifts_of(toy.flow(cells=[Cell("jepa", "predictor", Status.ABSENT, stops=stops)]))
    assert drift.reason == "cut at /trainer/losses.py:7 (sg_z); cut at /trainer/losses.py:9 (gate gate_b)"
    assert drift.place == stops[0].place


@pytest.mark.parametrize(
    ("paths", "reason", "said"),
    [
        (12, "", "12 gradient paths"),
        (1, "", "1 gradient path"),
        (2**90 + 1, "", "about 2^90 gradient paths"),
        (None, "", "uncounted gradient paths"),
        (12, "through h", "through h"),
    ],
)
def test_unexpected(toy: SimpleNamespace, drifts_of: Callable, paths: int | None, reason: str, said: str) -> None:
    (drift,) = drifts_of(toy.flow(cells=[Cell("rank", "encoder", Status.IDLE, paths, reason=reason)]))
    assert (drift.kind, drift.expected, drift.found) == (DriftKind.UNEXPECTED, "does not update encoder", "idle")
    assert drift.reason == said


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.NONFINITE])
@pytest.mark.parametrize(("module", "expected"), [("encoder", "updates encoder"), ("h_to_z", "does not update h_to_z")])
def test_undecided_is_never_a_pass(
    toy: SimpleNamespace, drifts_of: Callable, status: Status, module: str, expected: str
) -> None:
    (drift,) = drifts_of(toy.flow(cells=[Cell("recon", module, status, reason="why")]))
    assert (drift.kind, drift.expected, drift.found, drift.reason) == (
        DriftKind.UNDECIDED,
        expected,
        str(status),
        "why",
    )


def test_the_same_difference_at_several_settings_is_one_drift(toy: SimpleNamespace, drifts_of: Callable) -> None:
    updates = {**toy.UPDATES, "jepa": "predictor"}
    a = toy.flow({**updates, "recon": "decoder"}, at=toy.setting(gate_a=True))
    (drift,) = drifts_of(toy.flow(updates), a)
    assert drift.settings == ("default", "gate_a=True")


def test_a_drift_points_at_the_effect_that_spoke_last(toy: SimpleNamespace, drifts_of: Callable) -> None:
    (drift,) = drifts_of(toy.flow(at=toy.setting(gate_a=True)))
    assert (drift.kind, drift.module, drift.settings) == (DriftKind.UNEXPECTED, "encoder", ("gate_a=True",))
    assert drift.row is not None
    assert drift.row.line == 9


def test_the_gravest_come_first_then_the_order_of_the_losses(toy: SimpleNamespace, drifts_of: Callable) -> None:
    updates = {"jepa": "predictor", "recon": "encoder, decoder, h_to_z", "rank": "encoder"}
    cells = [Cell("rank", "decoder", Status.UNKNOWN)]
    assert [(drift.kind, drift.loss) for drift in drifts_of(toy.flow(updates, cells=cells))] == [
        (DriftKind.UNDECIDED, "rank"),
        (DriftKind.UNEXPECTED, "recon"),
        (DriftKind.UNEXPECTED, "rank"),
        (DriftKind.MISSING, "jepa"),
    ]


@pytest.mark.parametrize(
    ("target", "expected", "found"),
    [
        ("sg(z), sg(h)", "sg(h), sg(z)", "sg(z)"),
        ("no", "—", "sg(z)"),
        ("sg(z)", None, None),
        ("yes", None, None),
        ("the teacher", None, None),
    ],
)
def test_the_column_target(
    toy: SimpleNamespace, drifts_of: Callable, target: str, expected: str | None, found: str | None
) -> None:
    flow = toy.flow(stops={"jepa": [toy.stop("sg_z")]})
    drifts = drifts_of(flow, text=ROWS.replace("jepa | |", f"jepa | {target} |"))
    assert [(drift.kind, drift.expected, drift.found) for drift in drifts] == (
        [(DriftKind.STOP_GRAD, expected, found)] if expected else []
    )


def test_a_stop_that_should_be_there(toy: SimpleNamespace, drifts_of: Callable) -> None:
    (drift,) = drifts_of(toy.flow(), text=ROWS.replace("jepa | |", "jepa | yes |"))
    assert (drift.expected, drift.reason) == ("a stop-grad", "its gradient is not stopped anywhere")


def test_the_column_target_holds_at_the_default_setting_only(toy: SimpleNamespace, drifts_of: Callable) -> None:
    assert drifts_of(toy.flow(at=toy.setting(gate_b=True)), text=ROWS.replace("jepa | |", "jepa | sg(z) |")) == ()


def test_without_a_document_only_undecided_cells_are_drift(toy: SimpleNamespace) -> None:
    assert compare(toy.audit(), None, None).passed
    comparison = compare(toy.audit(toy.flow(cells=[Cell("jepa", "encoder", Status.UNKNOWN)])), None, None)
    assert [drift.expected for drift in comparison.drifts] == ["a decided status"]
    assert comparison.notes[0] == "no document: what each loss updates was not compared"
