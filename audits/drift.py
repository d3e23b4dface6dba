"""Where measurement and document differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from audits.places import Place


class DriftKind(StrEnum):
    """How measurement and document differ.

    Attributes:
        MISSING: Documented as updated; it is not.
        UNEXPECTED: Updated; not documented.
        UNDECIDED: The status is nonfinite or unknown, which is never a pass.
        STOP_GONE: The gradient of a loss is no longer cut on a way on which the lock file has a stop.
        STOP_NEW: The gradient of a loss is cut on a way on which the lock file has no stop.
        STOP_GRAD: The column *Target* says something else about the stop-gradient than what was measured.
        ROUTE: The loss compares other outputs of calls than in the lock file, or reaches them by other ways.
        DERIVATIVE: The gradient differs from the derivative in another way than in the lock file: a reversal was added,
            removed or turned.
        WEIGHT: The document states another weight of a loss than the target has.
        GATE_DEFAULT: The document states another default of a gate than the target has.
        MOVES: A real step moves other modules than the document says, or by the gradient of other losses.
        UNDOCUMENTED: All was to be documented, and the document says nothing of a loss or of a value of a gate.

    Examples:
        >>> comparison.drifts[0].kind == DriftKind.UNEXPECTED == "unexpected"
        True
    """

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    UNDECIDED = "undecided"
    STOP_GONE = "stop gone"
    STOP_NEW = "stop new"
    STOP_GRAD = "stop-grad"
    ROUTE = "route"
    DERIVATIVE = "derivative"
    WEIGHT = "weight"
    GATE_DEFAULT = "gate default"
    MOVES = "moves"
    UNDOCUMENTED = "undocumented"


@dataclass(frozen=True)
class Row:
    """One line of a document."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Drift:
    """One difference. The same difference at several settings is one drift.

    Attributes:
        kind: How measurement and document differ.
        settings: Labels of the settings where it was seen. Empty where a drift belongs to no setting.
        loss: Name of the loss. Empty where a drift concerns no loss, but a gate.
        module: Name of the module. Empty where the drift concerns the loss as a whole.
        expected: What the document or the lock file says, such as ``updates encoder``.
        found: What was measured, such as ``absent``.
        reason: Why, such as ``cut at jepa_world_model/states.py:88 (gate detach_decoder)``.
        remedy: What to do, in one sentence.
        place: Where in the code to look. None where that is not known.
        row: The line of the document that the drift contradicts. None without one.
        origin: The stop that was added or deleted, where that is what happened. Other drifts follow from it.
        gate: Name of the gate that the drift concerns. Empty where it concerns a loss.
        optimizer: Name of the optimizer that it concerns, or ``no optimizer``. Empty where it concerns no step.

    Examples:
        >>> drift = comparison.drifts[0]
        >>> drift.kind, drift.loss, drift.module, drift.settings
        (<DriftKind.UNEXPECTED: 'unexpected'>, 'reconstruct', 'decoder', ('default',))
    """

    kind: DriftKind
    settings: tuple[str, ...]
    loss: str
    module: str
    expected: str
    found: str
    reason: str
    remedy: str
    place: Place | None = None
    row: Row | None = None
    origin: str = ""
    gate: str = ""
    optimizer: str = ""

    @property
    def subject(self) -> str:
        """The loss, the gate or the optimizer that the drift concerns."""
        return self.loss or self.gate or self.optimizer

    @property
    def headline(self) -> str:
        """``jepa: encoder: missing``, ``detach_decoder: gate default``"""
        return ": ".join(part for part in (self.subject, self.module, str(self.kind)) if part)

    def __str__(self) -> str:
        return f"{self.headline}: expected {self.expected}, found {self.found}: {self.reason}"
