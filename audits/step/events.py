"""What happens in a training step, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from torch import Tensor
from torch.optim.optimizer import Optimizer

from audits.places import Place

UNPLACED = Place("", 0, "", "")


@dataclass(eq=False)
class TensorChange:
    """How a tensor changed: Euclidean norms of the change and of what it was."""

    change: float
    before: float
    average_of: tuple[int, float] | None = None
    """The tensor towards which it moved, and the part of the way."""


@dataclass(eq=False)
class BackwardCall:
    """One call of `backward`, of the outermost ones."""

    number: int
    place: Place
    text: str
    """The expression that goes backward."""
    site: tuple[tuple[CodeType, int], ...] = ()
    """All expressions that were running, those of libraries too."""
    weights: Mapping[Any, Tensor | float] = field(default_factory=dict)
    """By node of the graph, or by name where somebody told: with which factor a scalar is in the root."""
    scale: Any = None
    """The factor of a gradient scaler."""
    root: Any = None
    """The node that goes backward."""
    names: dict[str, float | None] = field(default_factory=dict)
    """The losses in it, with their weights where known."""
    reached: set[int] = field(default_factory=set)
    """Ids of the parameters that it gave gradient."""
    older: dict[int, Place] = field(default_factory=dict)
    """By id of an optimizer: where the graph goes on with what was computed before its last step."""
    error: BaseException | None = None


@dataclass(eq=False)
class Held:
    """One parameter, as an optimizer finds it at a step."""

    trainable: bool
    rate: float
    decay: float
    gradient: str
    """``none``, ``zero``, ``some``."""
    remembers: bool
    """Whether the optimizer's state of it is not zero."""
    of: tuple[BackwardCall, ...] = ()
    """The backward calls that are in its gradient."""
    by_hand: bool = False
    """Whether its gradient was put there otherwise."""


@dataclass(eq=False)
class Cleared:
    """Gradient of a backward call that was cleared before any optimizer took it."""

    parameter: int
    by: BackwardCall


@dataclass(eq=False)
class OptimizerStep:
    """One step of an optimizer."""

    number: int
    optimizer: Optimizer
    place: Place
    text: str
    held: dict[int, Held]
    """By id of a parameter."""
    sequence: int = 0
    """What autograd counted when it ended: all later nodes have a higher number."""
    last_backward: int = 0
    """The number of the last backward call before it ended."""
    moved: dict[int, TensorChange] = field(default_factory=dict)
    cleared: tuple[Cleared, ...] = ()
    """What was cleared since the step before."""
    skipped: str = ""
    """Why it did nothing."""
    within: Optimizer | None = None
    """The optimizer in whose step it happened: that one is a wrapper."""


@dataclass(eq=False)
class Outside:
    """What moved outside of all optimizer steps, until a step begins or the watch ends."""

    moved: dict[int, TensorChange]
    after: int
    """Number of optimizer steps before."""
