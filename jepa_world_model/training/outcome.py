"""How a run went."""

from __future__ import annotations

from dataclasses import dataclass, field
from signal import Signals

from jepa_world_model.training.validation import Validation


@dataclass
class Outcome:
    """How a run went, over all of its sittings."""

    steps: int = 0
    validations: dict[int, Validation] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    """In words, as they were told."""
    told: list[str] = field(default_factory=list)
    """Keys of alarms that earlier sittings told."""
    best: tuple[float, int] | None = None
    """The least weighted sum on held-out windows, and after which step."""
    seconds: float = 0.0
    signal: Signals | None = None
    """What asked the run to stop, if it did not reach its end."""

    @property
    def interrupted(self) -> bool:
        return self.signal is not None
