"""Gradients that were found real at other settings of the gates: what no gate changes is not decided again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

from audits.gradients import Measured
from audits.result import Pair


class KnownGradients:
    """Pairs with a gradient each that is real, known by its numbers and by the value of its loss.

    A gradient that is the same at another setting, to the last digit of the trainer's own precision, is the same
    gradient.
    """

    def __init__(self) -> None:
        self._digests: set[tuple[Pair, bytes]] = set()

    def among(self, pairs: Collection[Pair], measured: Measured, values: Mapping[str, float]) -> list[Pair]:
        """Those whose gradient is known."""
        if not self._digests:
            return []
        return [pair for pair in pairs if (pair, _digest(pair, measured, values)) in self._digests]

    def add(self, pairs: Collection[Pair], measured: Measured, values: Mapping[str, float]) -> None:
        """Gradients that were found real."""
        self._digests.update((pair, _digest(pair, measured, values)) for pair in pairs)


def _digest(pair: Pair, measured: Measured, values: Mapping[str, float]) -> bytes:
    if pair not in measured.sketches:
        return b""
    sketch = measured.sketches[pair]
    told = repr((values[pair[0]], measured.numbers[pair], sketch.norms))
    return sha256(told.encode() + sketch.rows.numpy().tobytes()).digest()
