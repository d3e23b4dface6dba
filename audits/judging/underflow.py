"""Gradients that a precision cannot hold: exactly zero as the loss stands, and not when it is scaled up."""

from __future__ import annotations

from collections.abc import Collection

from audits.forward import forward
from audits.gradients import measure
from audits.result import Pair, Setting
from audits.target import Target

EXPONENTS = range(8, 121, 8)
"""Powers of two by which a loss is scaled, as a gradient scaler would: zero stays zero under them, and so does what is
rounded away, but not what is too small."""


def held_back(target: Target, setting: Setting, batch: int, pairs: Collection[Pair]) -> set[Pair]:
    """The pairs that get a gradient in the trainer's own precision as soon as their loss is scaled."""
    found: set[Pair] = set()
    with forward(target, setting, losses={loss for loss, _ in pairs}, batch=batch) as run:
        for exponent in EXPONENTS:
            measured = measure(run.losses, run.columns, run.graph, scale=2.0**exponent)
            found |= {pair for pair in pairs if measured.norms.get(pair) and pair not in measured.nonfinite}
            if len(found) == len(pairs):
                break
    return found
