"""Pictures of an evaluation: curves against depth, filmstrips, a map of p, and paths on the map of the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np

from jepa_world_model.pictures.colours import as_colours
from jepa_world_model.pictures.matplotlib_figure import Axes, Figure
from jepa_world_model.pictures.principal_axes import principal_axes

COLOURS = ("#4c78a8", "#e45756", "#54a24b", "#b279a2")
REACHED, MISSED, GOAL = "#2ca02c", "#d62728", "#ffb000"
COLUMNS = 4


def depth_curves(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Each curve's values at k = 1, 2, ...: squared error as a share of copying the last frame."""
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for colour, (name, values) in zip(COLOURS, curves.items(), strict=False):
        axes.plot(range(1, len(values) + 1), values, "o-", markersize=3, color=colour, label=name)
    axes.axhline(1, color="gray", linewidth=0.8, linestyle="--")
    axes.set_xlabel("k, steps ahead of the last frame seen")
    axes.set_ylabel("error / error of copying")
    axes.set_yscale("log")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def filmstrips(strips: Sequence[tuple[str, np.ndarray]], columns: Sequence[str]) -> Figure:
    """Rows of frames [N, H, W, C] in [0, 1] with a label each, and a label for each column."""
    figure = Figure(figsize=(1.1 * len(columns) + 1, 1.15 * len(strips) + 0.4), layout="constrained")
    grid = figure.subplots(len(strips), len(columns), squeeze=False)
    for row, (label, frames) in zip(grid, strips, strict=True):
        for axes, frame in zip(row, frames, strict=True):
            _frame(axes, frame)
        row[0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")
    for axes, label in zip(grid[0], columns, strict=True):
        axes.set_title(label, fontsize=8)
    return figure


def pose_map(p: np.ndarray, position: np.ndarray) -> Figure:
    """Poses [M, Dp] on their first two principal axes, coloured by the true row and column [M, 2]."""
    flat = principal_axes(p)(p)
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, name, values in zip(figure.subplots(1, 2), ("row", "column"), position.T, strict=True):
        shown = axes.scatter(flat[:, 0], flat[:, 1], c=values, s=4, cmap="viridis")
        axes.set_title(f"p, coloured by the true {name}", fontsize=9)
        axes.set_xlabel("first principal axis")
        axes.set_ylabel("second principal axis")
        axes.set_aspect("equal", adjustable="datalim")
        figure.colorbar(shown, ax=axes)
    return figure


def paths(drawn: Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray, bool]], cells: int) -> Figure:
    """Walks on the picture of the world: title, frame [H, W, C] uint8, positions [L, 2], goal [2], whether reached.

    A position is a row and a column of `cells` x `cells` squares that fill the frame.
    """
    rows = max(1, ceil(len(drawn) / COLUMNS))
    figure = Figure(figsize=(2.3 * COLUMNS, 2.5 * rows), layout="constrained")
    for axes, one in zip(figure.subplots(rows, COLUMNS, squeeze=False).flat, [*drawn, *[None] * COLUMNS], strict=False):
        if one is None:
            axes.set_axis_off()
            continue
        title, frame, walked, goal, reached = one
        _frame(axes, frame)
        size = frame.shape[0] / cells
        y, x = (walked + 0.5).T * size
        axes.plot(x, y, "-", color=REACHED if reached else MISSED, linewidth=1.6)
        axes.plot(x[0], y[0], "o", color="white", markersize=4)
        axes.plot((goal[1] + 0.5) * size, (goal[0] + 0.5) * size, "*", color=GOAL, markersize=9)
        axes.set_title(title, fontsize=8)
    return figure


def _frame(axes: Axes, frame: np.ndarray) -> None:
    """A picture without ticks."""
    axes.imshow(as_colours(frame), interpolation="nearest", cmap="gray")
    axes.set_xticks([])
    axes.set_yticks([])
