"""Gradients that a precision cannot hold: exactly zero as the loss stands, and not when it is scaled up."""

from __future__ import annotations

from collections.abc import Mapping

from audits.forward import forward
from audits.gradients import measure
from audits.result import Pair, Setting
from audits.target import Target

EXPONENTS = range(8, 121, 8)
"""Powers of two by which a loss is scaled, as a gradient scaler would: zero stays zero under them, and so does what is
rounded away, but not what is too small."""
NOISE = 1e3
"""What comes back so many times larger than in float64 is rounding noise of an identity."""


def held_back(target: Target, setting: Setting, batch: int, sizes: Mapping[Pair, float]) -> set[Pair]:
    """The pairs that get a gradient in the trainer's own precision as soon as their loss is scaled.

    `sizes` are the norms of their gradients in float64.
    """
    found: set[Pair] = set()
    with forward(target, setting, losses={loss for loss, _ in sizes}, batch=batch) as run:
        for exponent in EXPONENTS:
            scale = 2.0**exponent
            measured = measure(run.losses, run.columns, run.graph, scale=scale)
            norms = {pair: measured.norms.get(pair) or 0.0 for pair in sizes}
            found |= {pair for pair, size in sizes.items() if 0 < norms[pair] < NOISE * scale * size}
            if len(found) == len(sizes):
                break
    return found
