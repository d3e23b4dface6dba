"""A comparison built by hand: two losses, two modules, a gate, every status, a drift of each kind."""

from collections.abc import Callable
from itertools import cycle
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from audits.contract import Comparison
from audits.drift import Drift, DriftKind, Row
from audits.places import Place, Stop, StopKind
from audits.result import Audit, Cell, Flow, Setting, Status

SIZES = (0.25, nan, inf, None)
PATHS = (0, 3, 2**200, None, 2**20_000)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, below which the trainer's source would lie."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_place(folder: Path) -> Callable[..., Place]:
    """(file, line, text) to a place below the current folder."""

    def make(file: str = "trainer/my states.py", line: int = 88, text: str = "z.detach()") -> Place:
        return Place(str(folder / file), line, "trainer.states", "States.h", text)

    return make


@pytest.fixture
def audit(make_place: Callable[..., Place]) -> Audit:
    """Two settings; statuses, norms and path counts run through all that there are."""
    stops = (Stop(make_place(), StopKind.DETACH, "closed"), Stop(make_place(line=9, text="q"), StopKind.NO_GRAD))
    statuses, sizes, paths = cycle(Status), cycle(SIZES), cycle(PATHS)
    losses, modules = ("fit", "align"), ("encoder", "head|tail")

    def cell(loss: str, module: str) -> Cell:
        status, size = next(statuses), next(sizes)
        cut = stops if status is Status.ABSENT else ()
        reason = 'two\nlines, "quoted" | piped' if status is Status.UNKNOWN else ""
        return Cell(loss, module, status, next(paths), 1, 4, size, 0.125, 7, cut, reason)

    def flow(closed: bool) -> Flow:
        cells = {(loss, module): cell(loss, module) for loss in losses for module in modules}
        cosines = {"encoder": {("fit", "align"): -0.5 if closed else nan}}
        return Flow(Setting({"closed": closed}, {"closed": True}), cells, {"fit": stops, "align": ()}, cosines)

    return Audit("toy", {"T": 4, "kind": "small"}, losses, modules, (flow(True), flow(False)), ("in float64",))


@pytest.fixture
def make_drift(make_place: Callable[..., Place]) -> Callable[..., Drift]:
    """A drift at the default setting, of which any field may be given."""

    def make(kind: DriftKind = DriftKind.UNEXPECTED, **fields: Any) -> Drift:
        usual: dict[str, Any] = {
            "settings": ("default",),
            "loss": "fit",
            "module": "encoder",
            "expected": "no update of encoder",
            "found": "live",
            "reason": "path: fit <- encoder",
            "remedy": "Restore the stop.",
            "place": make_place(),
            "row": Row("docs/flow.md", 12),
        }
        return Drift(kind=kind, **(usual | fields))

    return make


@pytest.fixture
def compared(audit: Audit) -> Callable[..., Comparison]:
    """(drifts, notes) to a comparison of the audit."""

    def compare(*drifts: Drift, notes: tuple[str, ...] = ()) -> Comparison:
        return Comparison(audit, drifts, notes)

    return compare


@pytest.fixture
def every_kind(make_drift: Callable[..., Drift], compared: Callable[..., Comparison]) -> Comparison:
    """A drift of each kind, at each setting; those of stops, targets and routes concern the loss as a whole."""
    whole = {DriftKind.STOP_GONE, DriftKind.STOP_NEW, DriftKind.STOP_GRAD, DriftKind.ROUTE}
    drifts = [
        make_drift(kind, settings=("default", "closed=False"), **({"module": ""} if kind in whole else {}))
        for kind in DriftKind
    ]
    return compared(*drifts, notes=("no lock file",))
