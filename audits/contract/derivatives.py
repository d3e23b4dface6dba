"""How a gradient differs from the derivative of its loss, in words that hold from one audit to the next."""

from __future__ import annotations

from collections.abc import Iterable

from audits.result import NO_MULTIPLE, Cell, Derivative, Flow


def derivatives(flow: Flow, loss: str, modules: Iterable[str]) -> dict[str, str]:
    """By module, where the gradient is not the derivative."""
    told = {module: derivative(flow.cells[loss, module]) for module in modules if (loss, module) in flow.cells}
    return {module: text for module, text in told.items() if text}


def derivative(cell: Cell) -> str:
    """Empty where the gradient is the derivative, was not compared with it, or is no multiple of it.

    It is no multiple where the loss depends on the module by a stopped way too, which its routes tell: then that way is
    held.
    """
    ratio = cell.derivative_ratio
    if ratio is not None and abs(ratio) >= NO_MULTIPLE:
        ratio = cell.held_ratio
    if ratio is not None and abs(ratio) >= NO_MULTIPLE:
        return ""
    found = Derivative.of(ratio)
    return "" if found is Derivative.HONEST else str(found)
