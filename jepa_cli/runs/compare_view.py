"""A comparison of runs on a terminal: the runs, the settings that differ, each loss, vital and figure in columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from jepa_cli.runs.comparison import Course, RunComparison
from jepa_cli.runs.view import STYLES, steps, weighted_otherwise
from jepa_cli.terminal.columns import aligned, duration, number, printable
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.rules.edits import shown
from jepa_world_model.runs.figures import Figure
from jepa_world_model.runs.progress import Sum

NOTHING = "-"
Cells = Sequence[Sequence[str]]
"""For each run: its columns of a row."""


def show(comparison: RunComparison, picture: Path | None, page: PlainPage, room: int) -> None:
    """A letter for each run, then tables whose columns are these letters."""
    _runs(comparison, page)
    _settings(comparison, page, room)
    _table("held out", comparison, "losses", ("last", "best"), lambda course: (course.last, course.best), page, room)
    _table("vitals", comparison, "vitals", ("first", "last"), lambda course: (course.first, course.last), page, room)
    _figures(comparison, page, room)
    page.paragraph(f"picture: {printable(str(picture))}" if picture else "no picture: none of them has metrics yet")


def _runs(comparison: RunComparison, page: PlainPage) -> None:
    for run in comparison.runs:
        record = run.record
        took = f" in {duration(record.seconds)}" if record.seconds is not None else ""
        told = f"{run.label}  {printable(str(record.path))}: {record.state}, {steps(record)} steps{took}"
        page.paragraph(told, style=STYLES.get(record.state, "heading"))
        for problem in (*record.problems, *filter(None, [run.figures.problem])):
            page.paragraph(printable(problem), indent=4, style="quiet")
    page.blank()


def _settings(comparison: RunComparison, page: PlainPage, room: int) -> None:
    if not comparison.settings:
        page.paragraph("settings: no difference")
        page.blank()
        return
    rows = [(key, [[_value(value)] for value in values]) for key, values in comparison.settings.items()]
    _chunked("settings", [], rows, comparison, page, room)


def _table(
    title: str,
    comparison: RunComparison,
    kind: str,
    columns: Sequence[str],
    picked: Callable[[Course], Sequence[float]],
    page: PlainPage,
    room: int,
) -> None:
    empty = [NOTHING] * len(columns)
    rows = [
        (name, [[number(value) for value in picked(course)] if course else empty for course in courses])
        for name, courses in comparison.courses(kind).items()
    ]
    if not rows:
        return
    if kind == "losses":
        progress = [run.record.progress for run in comparison.runs]
        rows.append(("weighted sum", [[_sum(found.last), _sum(found.best)] for found in progress]))
    _chunked(title, columns, rows, comparison, page, room)
    if kind == "losses" and weighted_otherwise([run.record for run in comparison.runs]):
        page.paragraph("their weights differ, so their weighted sums cannot be compared", style="quiet")
        page.blank()


def _figures(comparison: RunComparison, page: PlainPage, room: int) -> None:
    """What `jepa eval` measured of those runs that it was called for."""
    for title, kind in (("evaluated", "measured"), ("goals reached", "success")):
        rows = [
            (name.replace("_", " "), [[_measured(one)] for one in found])
            for name, found in comparison.figures(kind).items()
        ]
        if rows:
            _chunked(title, [], rows, comparison, page, room)
    if other := comparison.other_protocols:
        page.paragraph(f"they were not evaluated alike: {', '.join(other)} differ", style="warning")
        page.blank()


def _chunked(
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Cells]],
    comparison: RunComparison,
    page: PlainPage,
    room: int,
) -> None:
    """One table, or several below each other where so many runs do not fit side by side."""
    labels = [run.label for run in comparison.runs]
    first = 0
    while first < len(labels):
        lines: list[str] = []
        for last in range(first + 1, len(labels) + 1):
            told = [(name, cells[first:last]) for name, cells in rows if set(chain(*cells[first:last])) != {NOTHING}]
            wider = _lines(title, labels[first:last], columns, told)
            if lines and max(map(cell_len, wider)) > room:
                break
            lines, end = wider, last
        page.paragraph(lines[0], style="heading")
        for line in lines[1:]:
            page.paragraph(line)
        page.blank()
        first = end


def _lines(title: str, labels: Sequence[str], columns: Sequence[str], rows: Sequence[tuple[str, Cells]]) -> list[str]:
    heading = [[f"{label} {column}" for column in columns] if columns else [label] for label in labels]
    return aligned([[title, *chain(*heading)], *([name, *chain(*cells)] for name, cells in rows)])


def _value(value: Any) -> str:
    return printable(shown(value)) if value is not None else NOTHING


def _measured(found: Figure | None) -> str:
    """With a ! where a target is missed."""
    return NOTHING if found is None else f"{number(found['value'])}{'!' if found.get('met') is False else ' '}"


def _sum(found: Sum | None) -> str:
    return number(found.value) if found else NOTHING
