"""An evaluation on a terminal: figures with targets and intervals, then the goals reached."""

from __future__ import annotations

from math import isfinite

from jepa_cli.terminal.columns import aligned
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.evaluation.estimate import Estimate
from jepa_world_model.evaluation.evaluation import Evaluation, Protocol
from jepa_world_model.evaluation.figure import MeasuredFigure

OF = {"z": "z: place", "h": "h: dynamics", "p": "p: pose"}
NAMES_AND_VALUES = 1
SHOWN_DEPTHS = (1, 2, 4, 8, 16)


def show(found: Evaluation, page: PlainPage) -> None:
    """Everything on one page."""
    protocol = found.protocol
    page.paragraph(f"{protocol.run} on {protocol.episodes} held-out episodes of {protocol.data}", style="heading")
    page.paragraph(
        f"run {protocol.trained}; {protocol.frames} frames each, seed {protocol.seed}; probes are {protocol.probes}; "
        f"[intervals] are {protocol.intervals}",
        style="quiet",
    )
    for of, title in OF.items():
        chosen = [one for one in found.figures if one.figure.of == of]
        page.blank()
        page.paragraph(title, style="heading")
        rows = [_row(one) for one in chosen if one.estimate]
        for line, one in zip(aligned(rows, left=NAMES_AND_VALUES), (o for o in chosen if o.estimate), strict=True):
            missed = one.estimate is not None and one.figure.met(one.estimate) is False
            page.paragraph(f"  {line}", style="warning" if missed else "")
        for one in chosen:
            if not one.estimate:
                page.paragraph(f"{_name(one)}: not measured, {one.missing}", indent=2, style="quiet")
    _show_curves(found, page)
    _show_planning(found, page)


def _row(one: MeasuredFigure) -> list[str]:
    estimate, target = one.estimate, one.figure.target
    assert estimate is not None
    wanted = "" if target is None else f"{'<=' if one.figure.at_most else '>='} {target:g}"
    met = {None: "", True: "met", False: "missed"}[one.figure.met(estimate)]
    return [_name(one), number(estimate.value), interval(estimate), wanted, met]


def _name(one: MeasuredFigure) -> str:
    return one.figure.name.replace("_", " ")


def _show_curves(found: Evaluation, page: PlainPage) -> None:
    if not found.curves:
        return
    page.blank()
    page.paragraph("k steps ahead: squared error as a share of copying the last frame", style="heading")
    rows = [["k =", *map(str, SHOWN_DEPTHS)]]
    rows += [[name, *(number(points[k - 1].value) for k in SHOWN_DEPTHS)] for name, points in found.curves.items()]
    for line in aligned(rows):
        page.paragraph(f"  {line}")


def _show_planning(found: Evaluation, page: PlainPage) -> None:
    page.blank()
    page.paragraph("planning: goals reached in the real environment", style="heading")
    if found.no_planning:
        page.paragraph(found.no_planning, indent=2, style="quiet")
        return
    protocol = found.protocol
    ends = [f"{low}-{high}" for low, high in protocol.distances]
    rows = [["moves to the goal", *ends, "all", "", "path", "s/plan"]]
    for one in found.planning:
        cells = [percent(share.value) for share in one.by_distance.values()]
        ends = f"[{percent(one.success.low)} {percent(one.success.high)}]"
        success = percent(one.success.value)
        rows.append([one.planner, *cells, success, ends, number(one.path_length), number(one.seconds_a_plan)])
    for line in aligned(rows):
        page.paragraph(f"  {line}")
    page.paragraph(planning_terms(protocol), indent=2, style="quiet")


def planning_terms(protocol: Protocol) -> str:
    """What the figures of planning depend on, in words."""
    return (
        f"{protocol.tasks_per_distance} goals for each distance, {protocol.goals}; for p alone, a goal is "
        f"{protocol.pose_of_goals}; budget {protocol.budget}; success: {protocol.success}; path: moves over those of a "
        "shortest path"
    )


def number(value: float) -> str:
    """Three digits; a dash where there is no number."""
    if not isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def percent(value: float) -> str:
    return f"{100 * value:.0f}%" if isfinite(value) else "-"


def interval(estimate: Estimate) -> str:
    """``[0.981 0.994]``"""
    return f"[{number(estimate.low)} {number(estimate.high)}]" if isfinite(estimate.low) else ""
