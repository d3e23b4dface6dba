"""An evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from audits.formats.markdown_text import code, table, text
from jepa_cli.eval.view import interval, number, percent, planning_terms
from jepa_world_model.evaluation.evaluation import Evaluation


def markdown(found: Evaluation) -> str:
    """The protocol, then a table of figures and one of planning."""
    return "\n\n".join(_sections(found)) + "\n"


def _sections(found: Evaluation) -> Iterator[str]:
    protocol = found.protocol
    yield (
        f"{text(protocol.run)} ({text(protocol.trained)}): {protocol.episodes} held-out episodes of "
        f"{text(protocol.data)}, {protocol.frames} frames each, seed {protocol.seed}. "
        f"Intervals are {text(protocol.intervals)}."
    )
    rows = []
    for one in found.figures:
        figure, estimate = one.figure, one.estimate
        wanted = "" if figure.target is None else f"{'≤' if figure.at_most else '≥'} {figure.target:g}"
        value = f"{number(estimate.value)} {text(interval(estimate))}".rstrip() if estimate else text(one.missing)
        met = {None: "", True: "met", False: "missed"}[figure.met(estimate) if estimate else None]
        rows.append([figure.of, code(figure.name), value, wanted, met, text(figure.meaning)])
    yield table(["Of", "Figure", "Value", "Target", "", "What it is"], rows)
    if found.no_planning:
        yield text(found.no_planning)
        return
    ends = [f"{low} to {high} moves" for low, high in protocol.distances]
    rows = []
    for one in found.planning:
        success = one.success
        share = f"{percent(success.value)} [{percent(success.low)}, {percent(success.high)}]"
        by = [percent(each.value) for each in one.by_distance.values()]
        rows.append([text(one.planner), text(share), *by, number(one.path_length), number(one.seconds_a_plan)])
    yield table(["Planner", "Goals reached", *ends, "Path / shortest", "Seconds a plan"], rows)
    yield text(f"Planning: {planning_terms(protocol)}.")
