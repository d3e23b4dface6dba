"""The gradients of one step, in numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

Pair = tuple[str, str]


@dataclass(frozen=True)
class Sample:
    """What was measured at one step.

    Attributes:
        step: Number of the step.
        norms: By loss and module: the norm of the gradient of the unweighted loss. Where the loss has a path only.
        shares: By loss and module: the weighted norm over the sum of those of all losses, from 0 to 1.
        cosines: By module, then by pair of losses: the cosine between their gradients, each with the sign of its
            weight. Below 0 they are in conflict.
        alarms: What is otherwise than at the first sample.

    Examples:
        >>> Sample(100, {("recon", "encoder"): 0.5}, {("recon", "encoder"): 1.0}).numbers()
        {'gradient/recon/encoder/norm': 0.5, 'gradient/recon/encoder/share': 1.0}
    """

    step: int
    norms: Mapping[Pair, float]
    shares: Mapping[Pair, float] = field(default_factory=dict)
    cosines: Mapping[str, Mapping[Pair, float]] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()

    @property
    def routing(self) -> frozenset[Pair]:
        """Each loss with each module to which it has a path."""
        return frozenset(self.norms)

    def numbers(self) -> dict[str, float]:
        """Flat, as services for metrics want it."""
        return dict(self._flat())

    def line(self) -> str:
        """One line of JSON. What is not finite is null."""
        gradients: dict[str, dict[str, Any]] = {}
        for (loss, module), norm in self.norms.items():
            told = {"norm": _finite(norm), "share": _finite(self.shares.get((loss, module)))}
            gradients.setdefault(loss, {})[module] = told
        cosines = {
            module: [{"losses": list(pair), "cosine": _finite(cosine)} for pair, cosine in pairs.items()]
            for module, pairs in self.cosines.items()
        }
        content = {"step": self.step, "gradients": gradients, "cosines": cosines, "alarms": list(self.alarms)}
        return json.dumps(content, allow_nan=False)

    def _flat(self) -> Iterator[tuple[str, float]]:
        for (loss, module), norm in self.norms.items():
            yield f"gradient/{loss}/{module}/norm", norm
            if (loss, module) in self.shares:
                yield f"gradient/{loss}/{module}/share", self.shares[loss, module]
        for module, pairs in self.cosines.items():
            for (one, other), cosine in pairs.items():
                yield f"gradient_cosine/{module}/{one}/{other}", cosine


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
