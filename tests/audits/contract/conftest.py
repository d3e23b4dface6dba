"""Audits made by hand: three losses, four modules, three gates, and no autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audits.contract import Comparison, Contract, Lock, compare, read_contract, read_lock, updated_texts
from audits.contract.lock import lock_path
from audits.places import Place, Stop, StopKind
from audits.result import Audit, Cell, Flow, Routes, Setting, Status

LOSSES = ("jepa", "recon", "rank")
MODULES = ("encoder", "decoder", "predictor", "h_to_z")
GATES: dict[str, tuple[Any, ...]] = {"gate_a": (False, True), "gate_b": (False, True), "gate_c": (True, False)}
DEFAULTS = {name: values[0] for name, values in GATES.items()}
UPDATES = {"jepa": "predictor, h_to_z", "recon": "encoder, decoder", "rank": ""}


def setting(**changed: Any) -> Setting:
    """The default setting, or one that differs from it."""
    return Setting({**DEFAULTS, **changed}, DEFAULTS)


def every_setting() -> list[Setting]:
    combinations = product(*GATES.values())
    return [setting(**dict(zip(GATES, values, strict=True))) for values in combinations]


def stop(text: str, *, loss: str = "jepa", line: int = 7, **other: Any) -> Stop:
    """A stop-gradient in the function of a loss."""
    place = Place("/trainer/losses.py", line, "trainer.losses", loss, text)
    return Stop(place, other.pop("kind", StopKind.DETACH), **other)


def flow(
    updates: Mapping[str, str] = UPDATES,
    *,
    at: Setting | None = None,
    cells: Sequence[Cell] = (),
    stops: Mapping[str, Sequence[Stop]] | None = None,
    routes: Mapping[str, Routes] | None = None,
) -> Flow:
    """The losses with the modules they update; `cells` replaces single cells. Each stop cuts a way of its own."""
    measured = {}
    for loss, text in updates.items():
        live = [module for module in text.split(", ") if module]
        for module in MODULES:
            status, paths = (Status.LIVE, 3) if module in live else (Status.ABSENT, 0)
            measured[loss, module] = Cell(loss, module, status, paths)
    measured |= {(cell.loss, cell.module): cell for cell in cells}
    found = {loss: tuple((stops or {}).get(loss, ())) for loss in updates}
    routed = {loss: routing(text, found[loss]) for loss, text in updates.items()}
    return Flow(at or setting(), measured, found, routes={**routed, **(routes or {})})


def routing(updates: str, stops: Sequence[Stop] = (), **other: Any) -> Routes:
    """What a loss compares: the modules it updates, and what is stopped."""
    cuts = {f"{stop.place.text} into the loss": (stop,) for stop in stops if stop.kind.deliberate}
    term = " with ".join([*filter(None, updates.split(", ")), *(f"sg({text})" for text in cuts)])
    return Routes((term,) if term else (), cuts, **other)


def audit(*flows: Flow, target: str = "trainer", shape: Mapping[str, Any] | None = None) -> Audit:
    """With no flows: the usual one at the default setting."""
    flows = flows or (flow(),)
    losses = tuple(dict.fromkeys(loss for loss, _ in flows[0].cells))
    shape = {"frames": 8} if shape is None else shape
    known = tuple(dict.fromkeys((*LOSSES, *losses)))
    return Audit(target, shape, losses, MODULES, flows, known=known, gates=GATES)


def contract(path: Path, losses: Sequence[str] = LOSSES, **other: Any) -> Contract:
    return read_contract(path, losses=losses, modules=MODULES, gates=GATES, **other)


def write(texts: Mapping[Path, str]) -> None:
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="")


def updated(made: Audit, path: Path) -> str:
    """Write what `updated_texts` says; the new document."""
    texts = updated_texts(made, path)
    write(texts)
    return texts[path]


def checked(made: Audit, path: Path, **other: Any) -> Comparison:
    """An audit against the files as they are."""
    return compare(made, contract(path), lock(path), **other)


def lock(path: Path) -> Lock | None:
    return read_lock(lock_path(path))


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """All of the above."""
    return SimpleNamespace(
        **{name: thing for name, thing in globals().items() if getattr(thing, "__module__", None) == __name__},
        LOSSES=LOSSES,
        MODULES=MODULES,
        GATES=GATES,
        UPDATES=UPDATES,
    )


@pytest.fixture
def document(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a document; returns where."""

    def written(text: str) -> Path:
        path = tmp_path / "flow.md"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return written
