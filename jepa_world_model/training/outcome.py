"""The outcome of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from signal import Signals

from jepa_world_model.training.validation import Validation


@dataclass
class Outcome:
    """The outcome of a run, over all of its sessions."""

    steps: int = 0
    validations: dict[int, Validation] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    """As they were reported."""
    reported: list[str] = field(default_factory=list)
    """Keys of the alarms that earlier sessions reported."""
    best: tuple[float, int] | None = None
    """The least weighted sum on held-out windows, and after which step."""
    seconds: float = 0.0
    signal: Signals | None = None
    """The signal that stopped the run, if it did not reach its end."""

    @property
    def interrupted(self) -> bool:
        return self.signal is not None
