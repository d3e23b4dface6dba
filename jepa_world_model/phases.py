"""The phases of a run: which losses are trained from which step to which, and on what.

Usually there is one phase, in which all losses share each forward pass. While the gate `detach_z_from_h_and_p` is
closed, no loss of h or p reaches the encoder; then perception can be trained first (`train.perception_share`), z of
every frame be computed once and kept, and all other losses be trained on that, at a fraction of the cost of a step.
The routing is the same: only a gate that is closed anyway is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jepa_world_model.record import Routing

if TYPE_CHECKING:
    from jepa_world_model.losses import Loss

PERCEPTION = ("encoder", "decoder")
"""A loss that updates one of these belongs to the phase of perception."""
AFTER = frozenset({"predictor", "h_to_z", "z_to_h", "z_to_p"})
"""What reads z in the second phase."""


@dataclass(frozen=True, eq=False)
class Phase:
    """A range of steps with its losses, its batches and its learning rate."""

    name: str
    first: int
    """The number of steps before it."""
    last: int
    """The number of steps when it is over."""
    losses: Mapping[Loss, float]
    """Enabled losses of the phase with their weights."""
    batch_size: int
    sequence_length: int
    learning_rate: float
    embedded: bool = False
    """Whether it is trained on z that was computed beforehand, instead of on frames."""

    def progress(self, done: int, warm_up: int) -> float:
        """The share of the phase after its warm-up that lies behind, after `done` steps of the run."""
        return min(1.0, max(0.0, (done - self.first - warm_up) / max(1, self.last - self.first - warm_up)))


def phase_at(phases: Iterable[Phase], done: int) -> Phase:
    """The phase that step number `done` belonged to; before the first step, the first phase."""
    return next(phase for phase in phases if done <= phase.last)


def perception_losses(routing: Routing, enabled: Iterable[str]) -> list[str]:
    """The enabled losses that update encoder or decoder."""
    return [name for name in enabled if set(PERCEPTION) & set(routing.updates[name])]


def why_not_separate(routing: Routing, enabled: Iterable[str]) -> str:
    """Why perception and the rest cannot be trained in two phases; empty where they can."""
    enabled = list(enabled)
    seeing = perception_losses(routing, enabled)
    others = [name for name in enabled if name not in seeing]
    if not seeing:
        return "no enabled loss updates encoder or decoder"
    if not others:
        return "every enabled loss updates encoder or decoder, so one phase is all there is"
    mixed = [name for name in seeing if AFTER & set(routing.updates[name])]
    if mixed:
        return f"{_listed(mixed)} would train what sees and what predicts together"
    shared = _modules(routing.updates, seeing) & _modules(routing.updates, others)
    both = [name for name in seeing if shared & set(routing.updates[name])]
    if both:
        return (
            f"{_listed(both)} would train {_listed(sorted(shared))} in the first phase, and other losses in the second"
        )
    drawing = [name for name in others if "decoder" in routing.uses[name]]
    return f"{_listed(drawing)} needs frames, and the second phase has only z" if drawing else ""


def _modules(updates: Mapping[str, Iterable[str]], losses: Iterable[str]) -> set[str]:
    return {module for loss in losses for module in updates[loss]}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
