"""Losses of the last steps: tensors while the device works, numbers when they are written."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class MetricRow:
    """What one step cost."""

    step: int
    losses: dict[str, float]
    total: float
    gradient_norm: float

    @property
    def finite(self) -> bool:
        """An infinite loss makes the total infinite, or NaN."""
        return math.isfinite(self.total) and math.isfinite(self.gradient_norm)

    def as_json(self) -> dict[str, Any]:
        return {"split": "train"} | asdict(self)


class Metrics:
    """Rows that are still on the device."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._steps: list[int] = []
        self._waiting: list[Tensor] = []

    def add(self, step: int, losses: Tensor, total: Tensor, gradient_norm: Tensor) -> None:
        """Losses [L] and two scalars, kept on the device without synchronising."""
        self._steps.append(step)
        self._waiting.append(torch.cat([losses, torch.stack([total, gradient_norm])]).detach())

    def flush(self) -> list[MetricRow]:
        """All rows since the last flush, in one transfer."""
        values = torch.stack(self._waiting).tolist() if self._waiting else []
        rows = [
            MetricRow(step, dict(zip(self._names, losses, strict=True)), total, norm)
            for step, (*losses, total, norm) in zip(self._steps, values, strict=True)
        ]
        self._steps, self._waiting = [], []
        return rows
