"""How a gradient differs from the derivative of its loss, in words that hold from one audit to the next."""

from __future__ import annotations

from collections.abc import Iterable

from audits.result import Cell, Flow

HONEST = 0.05
"""So far from 1 a ratio is still that of a gradient which is the derivative."""
NOTHING = 1e-6
REVERSED, LOST, SCALED = "reversed", "lost", "scaled or estimated"


def derivatives(flow: Flow, loss: str, modules: Iterable[str]) -> dict[str, str]:
    """By module, where the gradient is not the derivative."""
    told = {module: derivative(flow.cells[loss, module]) for module in modules if (loss, module) in flow.cells}
    return {module: text for module, text in told.items() if text}


def derivative(cell: Cell) -> str:
    """Empty where the gradient is the derivative, or was not compared with it."""
    ratio: float | None = getattr(cell, "derivative_ratio", None)
    if ratio is None or abs(ratio - 1) <= HONEST:
        return ""
    return LOST if abs(ratio) <= NOTHING else REVERSED if ratio < 0 else SCALED
