"""Runs on a terminal: a line each in aligned columns, and below it the settings that are special to the run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.cells import cell_len

from jepa_cli.terminal.columns import ago, aligned, duration, number, printable
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.rules.edits import shown
from jepa_world_model.runs.config import Config, own_settings
from jepa_world_model.runs.files import FAILED, INTERRUPTED, RUNNING
from jepa_world_model.runs.record import KILLED, RunRecord

HEADINGS = ("run", "state", "steps", "held out", "best", "took", "updated")
LEFT = 2
STYLES = {RUNNING: "info", INTERRUPTED: "warning", FAILED: "error", KILLED: "error"}
INDENT = 4
LONGEST_NAME = 20


def show(folder: Path, records: Sequence[RunRecord], page: PlainPage, now: datetime) -> None:
    """A table, or how to make a first run."""
    if not records:
        page.paragraph(
            f"no runs in {printable(str(folder))}; jepa train --out {printable(str(folder / 'first'))} makes one"
        )
        return
    shared, own = own_settings([record.config for record in records])
    names = [printable(record.name) for record in records]
    short = [name if cell_len(name) <= LONGEST_NAME else "" for name in names]
    rows = [[name, *_cells(record, now)] for name, record in zip(short, records, strict=True)]
    heading, *lines = aligned([HEADINGS, *rows], left=LEFT)
    page.paragraph(heading, style="heading")
    for name, line, record, settings in zip(names, lines, records, own, strict=True):
        style = STYLES.get(record.state, "")
        if not line.startswith(name):
            page.paragraph(name, style=style)
        page.paragraph(line.lstrip(), indent=len(line) - len(line.lstrip()), style=style)
        for text, kind in _details(record, settings):
            page.paragraph(text, indent=INDENT, style=kind)
    if shared:
        page.blank()
        page.paragraph(f"all of them: {settings_text(shared)}")
    if weighted_otherwise(records):
        page.blank()
        page.paragraph(
            "held out and best are weighted sums: runs with other weights cannot be compared by them, but loss by loss "
            "with jepa runs compare",
            style="quiet",
        )


def settings_text(settings: Config) -> str:
    """``losses.sigreg=0.05  train.steps=5000``"""
    return "  ".join(f"{printable(key)}={_unbroken(printable(shown(value)))}" for key, value in settings.items())


def steps(record: RunRecord) -> str:
    """``400/1000``"""
    return f"{'?' if record.step is None else record.step}/{record.steps or '?'}"


def _cells(record: RunRecord, now: datetime) -> list[str]:
    last, best, _ = record.progress
    sums = [number(found.value if found else None) for found in (last, best)]
    return [record.state, steps(record), *sums, duration(record.seconds), ago(record.updated, now)]


def _details(record: RunRecord, settings: Config) -> list[tuple[str, str]]:
    """Lines with their styles."""
    alarms = [printable(alarm) for alarm in record.progress.alarms]
    counted = f"{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}: {', '.join(alarms)}" if alarms else ""
    reason = printable(record.reason) if record.state == FAILED else ""
    problems = [(printable(problem), "quiet") for problem in record.problems]
    lines = [(settings_text(settings), ""), (reason, ""), (counted, "warning"), *problems]
    return [(text, style) for text, style in lines if text]


def weighted_otherwise(records: Sequence[RunRecord]) -> bool:
    return len({str(record.weights) for record in records if record.progress.last}) > 1


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")
