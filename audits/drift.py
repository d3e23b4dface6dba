"""Where measurement and document differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from audits.places import Place


class DriftKind(StrEnum):
    MISSING = "missing"
    """Documented as updated; it is not."""
    UNEXPECTED = "unexpected"
    """Updated; not documented."""
    UNDECIDED = "undecided"
    """Its status is nonfinite or unknown, which is never a pass."""
    STOP_GONE = "stop gone"
    """A loss's gradient is no longer cut at a place of the lock file."""
    STOP_NEW = "stop new"
    """A loss's gradient is cut at a place that the lock file does not have."""
    STOP_GRAD = "stop-grad"
    """The column Target says something else about the stop-gradient than what was measured."""
    PATHS = "paths"
    """The number of gradient paths differs from the lock file."""


@dataclass(frozen=True)
class Row:
    """One line of a document."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Drift:
    """One difference. The same difference at several settings is one drift."""

    kind: DriftKind
    settings: tuple[str, ...]
    """Labels of the settings where it was seen."""
    loss: str
    module: str
    """Empty where a drift concerns the loss as a whole."""
    expected: str
    """``updates encoder``"""
    found: str
    """``absent``"""
    reason: str
    """``cut at jepa_world_model/states.py:88 (gate detach_decoder)``"""
    remedy: str
    """What to do, as one sentence."""
    place: Place | None = None
    """Where in the code to look, where that is known."""
    row: Row | None = None
    """What the document says about it."""
    origin: str = ""
    """Key of the stop that was added or deleted, where that is what happened; other drifts follow from it."""

    def __str__(self) -> str:
        what = f"{self.loss}: {self.module}" if self.module else self.loss
        return f"{what}: {self.kind}: expected {self.expected}, found {self.found}: {self.reason}"
