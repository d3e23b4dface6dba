"""Carries out a comparison of runs that was asked for on the command line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audits.errors import UserError
from audits.files import write_file
from jepa_cli.runs.choices import COMPARE_FORMATS
from jepa_cli.runs.comparison import RunComparison, compared
from jepa_cli.terminal.choice import check_choice
from jepa_cli.terminal.files import check_writable
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.runs.record import is_run

PICTURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class CompareRequest:
    """The options, as typed."""

    runs: Sequence[Path]
    out: Path
    format: str

    def check(self) -> None:
        """Raises UserError or AuditError for options that do not go together or name nothing."""
        check_choice("--format", self.format, COMPARE_FORMATS)
        if self.out.suffix.lower() not in PICTURES:
            raise UserError(f"--out {self.out}: expected a name that ends in {', '.join(PICTURES)}")
        check_writable("--out", self.out)
        if len(self.runs) < 2:
            raise UserError(f"expected two runs or more, found {self.runs[0]} alone")
        for run in self.runs:
            if not is_run(run):
                raise UserError(f"{run} is not a run folder: expected {RunFiles(run).config.name} in it")
        if len({run.resolve() for run in self.runs}) < len(self.runs):
            raise UserError(f"a run is named twice: {' '.join(map(str, self.runs))}")


def run_compare(request: CompareRequest) -> None:
    """Raises UserError or AuditError for what cannot be compared, or written."""
    request.check()
    comparison = compared(request.runs)
    out = _draw(comparison, request.out)
    if request.format == "json":
        from jepa_cli.runs.compare_json import render

        sys.stdout.write(render(comparison, out))
        return
    from jepa_cli.runs.compare_view import show
    from jepa_cli.terminal.plain_page import LEAST, PlainPage

    columns = max(shutil.get_terminal_size().columns, LEAST)
    page = PlainPage(width=columns)
    show(comparison, out, page, columns)
    page.print()


def _draw(comparison: RunComparison, out: Path) -> Path | None:
    """Where the picture is; None where there is nothing to draw."""
    if not any(history.train or history.validations for history in comparison.named.values()):
        return None
    from jepa_world_model.pictures.run_curves import as_picture, curves

    write_file(out, as_picture(curves(comparison.named), out.suffix.lower().lstrip(".")))
    return out
