"""The curves of several runs in one picture: a small plot for each loss and each vital."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from math import ceil
from typing import Any

from jepa_world_model.pictures.axis_scale import scaled
from jepa_world_model.pictures.matplotlib_figure import Axes, Figure, Line2D, MaxNLocator, rc_context
from jepa_world_model.runs.metrics import History

COLUMNS = 4
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Of Okabe and Ito: distinguishable for colour-blind readers too."""
GREY = "#777777"
MARKERS = "osD^vPX"
MOST_MARKS = 50
LEGEND_WIDTH = 130
"""Letters of the legend's line."""
RESOLUTION = 110


def curves(runs: Mapping[str, History]) -> Figure:
    """Held-out values as marks on lines, those of training as thin ones; a colour and a mark for each run."""
    losses = list(dict.fromkeys(name for run in runs.values() for name in run.names("losses")))
    vitals = list(dict.fromkeys(name for run in runs.values() for name in run.names("vitals")))
    panels = [*(("losses", name) for name in losses), *(("vitals", name) for name in vitals)]
    rows = ceil(len(panels) / COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 2.1 * rows + 0.8), layout="constrained")
    grid = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for axes, (kind, name) in zip(grid, panels, strict=False):
        _draw(axes, kind, name, runs)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel("step", fontsize=9)
    figure.supylabel("value, losses without their weights", fontsize=9)
    figure.legend(
        handles=_legend(list(runs)), loc="outside upper left", ncols=_columns(runs), fontsize=8, frameon=False
    )
    return figure


def as_picture(figure: Figure, format: str) -> bytes:
    """The same figure gives the same bytes."""
    content = BytesIO()
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "jepa"}):
        figure.savefig(content, format=format, dpi=RESOLUTION, metadata=dated.get(format))
    return content.getvalue()


def _draw(axes: Axes, kind: str, name: str, runs: Mapping[str, History]) -> None:
    shown: list[float] = []
    for number, run in enumerate(runs.values()):
        held_out, trained = run.held_out(kind, name), run.trained(name) if kind == "losses" else {}
        look = _look(number)
        axes.plot(list(trained), list(trained.values()), color=look["color"], linewidth=0.6, alpha=0.45)
        axes.plot(list(held_out), list(held_out.values()), markevery=1 + len(held_out) // MOST_MARKS, **look)
        shown += [*trained.values(), *held_out.values()]
    scaled(axes, shown)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_title(name if kind == "losses" else f"vital: {name}", fontsize=9)
    axes.set_facecolor("white" if kind == "losses" else "#f6f6f6")
    axes.tick_params(labelsize=7, which="both")
    axes.grid(alpha=0.25)


def _legend(names: list[str]) -> list[Line2D]:
    runs = [Line2D([], [], label=_plain(name), **_look(number)) for number, name in enumerate(names)]
    held_out = Line2D([], [], label="held out", color=GREY, marker="o", markersize=3, linewidth=1.2)
    return [*runs, held_out, Line2D([], [], label="training", color=GREY, linewidth=0.6)]


def _look(number: int) -> dict[str, Any]:
    """The look of a run. When colours run out they repeat, with dashed lines."""
    lap, place = divmod(number, len(COLOURS))
    style = ("-", "--", ":")[lap % 3]
    return {"color": COLOURS[place], "marker": MARKERS[place], "linestyle": style, "linewidth": 1.2, "markersize": 3}


def _columns(names: Mapping[str, History]) -> int:
    longest = max(map(len, (*names, "held out")))
    return max(1, min(len(names) + 2, LEGEND_WIDTH // (longest + 8)))


def _plain(name: str) -> str:
    """As text: dollars would be mathematics."""
    return name.replace("$", r"\$")
