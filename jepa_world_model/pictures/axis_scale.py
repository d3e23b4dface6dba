"""The scale of the values of a curve."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from jepa_world_model.pictures.matplotlib_figure import Axes, LogFormatter


class PlainNumbers(LogFormatter):
    """0.02 rather than a power of ten."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def scaled(axes: Axes, values: Iterable[float]) -> None:
    """Logarithmic where all values are positive; within a factor of two that would look the same.

    Elsewhere linear: a logarithm would draw a value of zero as a cliff.
    """
    finite = [value for value in values if isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    if low > 0 and high > 2 * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(PlainNumbers())
        axes.yaxis.set_minor_formatter(PlainNumbers(minor_thresholds=(1.5, 0.5)))
    else:
        axes.ticklabel_format(axis="y", useOffset=False)
