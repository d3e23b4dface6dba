"""What real optimizer steps moved: one move for each optimizer and module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from audits.places import Place
from audits.remark import Remark

BY_HAND = ""
"""The optimizer of what moved outside of every optimizer step: by an average, a copy, a statistic."""


@dataclass(frozen=True)
class Move:
    """What the steps of one optimizer did to one module.

    Attributes:
        optimizer: Its name. Empty for what moved outside of every optimizer step.
        module: The name of the module: a column of the table.
        moved: Number of its parameter tensors that moved.
        parameters: Number of its parameter tensors that the optimizer holds; outside of optimizers, all.
        relative: The largest change of one step: the norm of the change over the norm of the parameters.
        losses: The losses whose gradient was in these steps, by the order of their backward calls.
        buffers: Number of its buffers that moved. Only outside of optimizers.
        reason: Why nothing moved, or by what it moved, where that is no gradient.
        place: Where the optimizer steps.
    """

    optimizer: str
    module: str
    moved: int
    parameters: int
    relative: float = 0.0
    losses: tuple[str, ...] = ()
    buffers: int = 0
    reason: str = ""
    place: Place | None = None


@dataclass(frozen=True)
class Steps:
    """What was seen of real training steps.

    Attributes:
        optimizers: Names of the optimizers, in the order in which they stepped first.
        moves: What each optimizer did to each module of which it holds a parameter, then what moved outside of them.
        weights: By optimizer: each loss whose gradient was in its steps, with its weight there, where known.
        findings: Faults that need no document.
        notes: What a reader should know.
        count: Number of optimizer steps.

    Examples:
        >>> steps = Steps(("G",), (Move("G", "generator", 4, 4, 0.01, ("g_loss",)),))
        >>> steps.moved("G")
        ('generator',)
    """

    optimizers: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    weights: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    findings: tuple[Remark, ...] = ()
    notes: tuple[str, ...] = ()
    count: int = 0

    def moved(self, optimizer: str) -> tuple[str, ...]:
        """The modules of which an optimizer moves a parameter; of ``""``: what moves outside of optimizers."""
        return tuple(move.module for move in self.moves if move.optimizer == optimizer and move.moved)

    def reaching(self, is_apart: Callable[[str, str], bool]) -> Steps:
        """The same without the losses of a move that have no path to its module: a sum goes backward as a whole.

        `is_apart` tells that of a loss and a module. Where none is left, the gradient came in a step that has other
        paths, such as that of another task, and all are kept.
        """

        def with_a_path(move: Move) -> tuple[str, ...]:
            return tuple(loss for loss in move.losses if not is_apart(loss, move.module)) or move.losses

        return replace(self, moves=tuple(replace(move, losses=with_a_path(move)) for move in self.moves))

    def of(self, optimizer: str) -> tuple[Move, ...]:
        """The moves of one optimizer."""
        return tuple(move for move in self.moves if move.optimizer == optimizer)
