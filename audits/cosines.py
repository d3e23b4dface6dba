"""Which losses pull a module the same way, and which pull it apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from audits.gradients import Column, Gradients, dense, positions
from audits.result import Pair


class Cosines:
    """Cosines of the gradients of every pair of losses, module by module."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._members = positions(columns)
        self._rows: dict[str, dict[str, dict[int, Tensor]]] = {column.module: {} for column in columns}

    def visit(self, loss: str, gradients: Gradients) -> None:
        """Keep what one loss gives to each module that it reaches."""
        for module, numbers in self._members.items():
            found = {n: dense(g.to_dense()).flatten() for n in numbers if (g := gradients[n]) is not None}
            if found:
                self._rows[module][loss] = found

    def result(self) -> dict[str, dict[Pair, float]]:
        """By module, by pair of losses that both reach it. What was kept is let go."""
        found = {}
        for module in list(self._rows):
            found[module] = _pairs(self._rows.pop(module))
        return found


def _pairs(rows: Mapping[str, dict[int, Tensor]]) -> dict[Pair, float]:
    names = list(rows)
    if len(names) < 2:
        return {}
    gram = torch.zeros(len(names), len(names), dtype=torch.float64)
    for number in sorted({number for row in rows.values() for number in row}):
        having = [at for at, name in enumerate(names) if number in rows[names[at]] and rows[name][number].numel()]
        sizes = {rows[names[at]][number].numel() for at in having}
        if len(sizes) == 1:
            block = torch.stack([rows[names[at]][number] for at in having]).double()
            gram[torch.tensor(having)[:, None], torch.tensor(having)] += (block @ block.T).cpu()
    lengths = gram.diagonal().sqrt()
    angles = (gram / (lengths[:, None] * lengths)).tolist()
    return {(a, b): angles[i][j] for i, a in enumerate(names) for j, b in enumerate(names) if i < j}
