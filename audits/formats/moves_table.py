"""What real optimizer steps moved, as rows of text: an optimizer, a module, how far, by which losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from audits.moves import BY_HAND, Move, Steps

OUTSIDE = "no optimizer"


class MoveRow(NamedTuple):
    """One move in words."""

    optimizer: str
    module: str
    moves: str
    by: str


HEADINGS = MoveRow("Step of", "Module", "Moves", "By")


def move_rows(steps: Steps) -> Iterator[MoveRow]:
    """A row for each move."""
    for move in steps.moves:
        name = OUTSIDE if move.optimizer == BY_HAND else move.optimizer
        yield MoveRow(name, move.module, _how_far(move), _by(move, steps))


def _how_far(move: Move) -> str:
    """``0.4%``, ``3 of 4: 0.4%``, ``no``"""
    if not move.moved:
        return f"{move.buffers} buffers" if move.buffers else "no"
    part = "" if move.moved >= move.parameters else f"{move.moved} of {move.parameters}: "
    return f"{part}{100 * move.relative:.2g}%" if move.relative < 0.995 else f"{part}{move.relative:.0%}"


def _by(move: Move, steps: Steps) -> str:
    """``recon, 0.1 kl``, or why not."""
    if not move.moved:
        return move.reason
    if move.optimizer == BY_HAND:
        return move.reason or "code outside of optimizers"
    weights = steps.weights.get(move.optimizer, {})
    return ", ".join(weighted(loss, weights.get(loss)) for loss in move.losses) or "no gradient"


def weighted(loss: str, weight: float | None) -> str:
    """``0.1 kl``; a loss of weight 1 or of an unknown one alone."""
    return loss if weight is None or weight == 1 else f"{weight:.4g} {loss}"
