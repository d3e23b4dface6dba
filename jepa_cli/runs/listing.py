"""Carries out a listing of runs that was asked for on the command line."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path

from jepa_cli.runs.choices import FORMATS, ORDERS
from jepa_cli.terminal.choice import check_choice
from jepa_world_model.runs.record import RunRecord, run_records


@dataclass(frozen=True)
class ListRequest:
    """The options, as typed."""

    folder: Path
    format: str
    sort: str

    def check(self) -> None:
        """Raises UserError for options that name nothing."""
        check_choice("--format", self.format, FORMATS)
        check_choice("--sort", self.sort, ORDERS)


def run_list(request: ListRequest) -> None:
    """Raises UserError for a folder that is none."""
    request.check()
    records = ordered(run_records(request.folder), request.sort)
    if request.format != "rich":
        from jepa_cli.runs.formats import RENDER

        sys.stdout.write(RENDER[request.format](request.folder, records))
        return
    from jepa_cli.runs.view import show
    from jepa_cli.terminal.plain_page import PlainPage

    page = PlainPage()
    show(request.folder, records, page, now=datetime.now(UTC))
    page.print()


def ordered(records: list[RunRecord], order: str) -> list[RunRecord]:
    """By name, or with the newest or the least weighted sum first; what is not known comes last."""
    match order:
        case "updated":
            return sorted(records, key=lambda record: -record.updated.timestamp() if record.updated else inf)
        case "loss":
            return sorted(records, key=lambda record: record.progress.best.value if record.progress.best else inf)
    return records
