"""An ablation as a reader sees it: a summary line for each change, then what it costs in each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import isfinite

from audits.formats.markdown_text import code, table, text
from jepa_cli.eval.page import STYLE
from jepa_cli.eval.view import number
from jepa_cli.terminal.columns import aligned
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.evaluation.ablate import Ablation
from jepa_world_model.evaluation.ablation_results import Cost
from jepa_world_model.evaluation.figure import FIGURES

HEADER = ("figure", "before", "after", "change", "± 95 %", "")


def show_ablation(found: Ablation, page: PlainPage) -> None:
    """On a terminal: figures without a target, which is most, are left to the other formats."""
    page.paragraph(f"{found.run}: what each change costs", style="heading")
    page.paragraph(terms(found), style="quiet")
    for name, costs in found.costs.items():
        page.blank()
        page.paragraph(f"{found.changes[name]}: {summary(costs)}", style="heading")
        rows = [HEADER, *(_row(cost) for cost in costs if _is_judged(cost))]
        for line, cost in zip(aligned(rows), (None, *filter(_is_judged, costs)), strict=True):
            page.paragraph(f"  {line}", style="warning" if cost and cost.worse else "")
    for line in _remarks(found):
        page.paragraph(line, style="quiet")


def ablation_markdown(found: Ablation) -> str:
    """The terms, a table of summaries, and a table for each change."""
    parts = [text(f"{found.run}: {terms(found)}")]
    rows = [[text(found.changes[name]), text(summary(costs))] for name, costs in found.costs.items()]
    parts.append(table(["Change", "What it costs"], rows))
    for name, costs in found.costs.items():
        rows = [[code(cost.figure), *map(text, _row(cost)[1:])] for cost in costs]
        parts.append(f"**{text(found.changes[name])}**\n\n{table(list(HEADER), rows)}")
    return "\n\n".join([*parts, *map(text, _remarks(found))]) + "\n"


def ablation_page(found: Ablation) -> str:
    """A web page that works offline."""
    title = escape(f"Ablation of {found.run}")
    parts = [f'<h1>{title}</h1><p class="quiet">{escape(terms(found))}</p>']
    rows = [[found.changes[name], summary(costs)] for name, costs in found.costs.items()]
    parts.append(_html(["change", "what it costs"], rows, [""] * len(rows)))
    for name, costs in found.costs.items():
        marks = [{None: "", True: "missed", False: "met"}[cost.worse] for cost in costs]
        parts.append(f"<h2>{escape(found.changes[name])}</h2>")
        parts.append(_html(HEADER, [_row(cost) for cost in costs], marks))
    parts += [f'<p class="quiet">{escape(line)}</p>' for line in _remarks(found)]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def terms(found: Ablation) -> str:
    """Everything that the numbers depend on."""
    budget = found.budget
    seeds = f"{budget.seeds} seeds" if budget.seeds > 1 else "1 seed, so there is no interval"
    return (
        f"trained anew for {budget.steps:,} steps with {seeds}; {budget.episodes} held-out episodes at most and "
        f"{budget.tasks} goals for each distance, drawn with seed {budget.seed}; differences are means over pairs that "
        "were trained with the same seed, ± 95 % by Student's t over the pairs"
    )


def summary(costs: Sequence[Cost]) -> str:
    """Which figures are worse and which are better beyond their intervals."""
    if not costs:
        return "could not be compared"
    found = []
    for worse, word in ((True, "worse"), (False, "better")):
        if named := [f"{_name(cost.figure)} {cost.difference:+.3f}" for cost in costs if cost.worse is worse]:
            found.append(f"{word}: {', '.join(named)}")
    return "; ".join(found) or "no figure changes beyond its interval"


def _row(cost: Cost) -> list[str]:
    half = f"{cost.high - cost.difference:.3f}" if isfinite(cost.high) else ""
    verdict = {None: "", True: "worse", False: "better"}[cost.worse]
    return [_name(cost.figure), number(cost.unchanged), number(cost.changed), f"{cost.difference:+.3f}", half, verdict]


def _is_judged(cost: Cost) -> bool:
    """Whether one value of it is better than another."""
    figure = FIGURES.get(cost.figure)
    return figure is None or figure.target is not None


def _name(figure: str) -> str:
    return figure.replace("_", " ") if figure in FIGURES else f"goals: {figure}"


def _remarks(found: Ablation) -> Iterator[str]:
    if found.no_planning:
        yield f"Nothing was planned: {found.no_planning}"
    for name, reason in found.impossible.items():
        yield f"{name} was not left out: {reason}"
    for one in found.results:
        if one.problem:
            yield f"{one.variant}, seed {one.seed}: {one.problem}"


def _html(header: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = [
        f'<tr class="{mark}">{"".join(f"<td>{escape(cell)}</td>" for cell in row)}</tr>'
        for row, mark in zip(rows, marks, strict=True)
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
