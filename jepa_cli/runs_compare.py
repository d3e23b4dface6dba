"""Carries out a comparison of runs that was asked for on the command line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path
from string import ascii_uppercase
from typing import Any, NamedTuple

from jepa_cli.commands.runs import COMPARE_FORMATS
from jepa_cli.files import check_writable, replace_file
from jepa_cli.runs_list import check_choice
from jepa_world_model.errors import UserError
from jepa_world_model.runs.config import varying_keys
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.runs.metrics import History, history
from jepa_world_model.runs.record import RunRecord, is_run, run_record

PICTURES = (".png", ".svg", ".pdf")


class Course(NamedTuple):
    """How a loss or a vital went on held-out trajectories: its first, its last and its least value."""

    first: float
    last: float
    best: float
    best_step: int


@dataclass(frozen=True)
class Compared:
    """A run with its curves."""

    label: str
    """A letter, or a number where there are many: tables are narrow."""
    record: RunRecord
    history: History

    def course(self, kind: str, name: str) -> Course | None:
        """None for a loss or a vital that this run did not measure."""
        values = self.history.held_out(kind, name)
        if not values:
            return None
        finite = {step: value for step, value in values.items() if isfinite(value)} or values
        best = min(finite, key=finite.__getitem__)
        return Course(values[min(values)], values[max(values)], values[best], best)


@dataclass(frozen=True)
class Comparison:
    runs: Sequence[Compared]

    @cached_property
    def settings(self) -> Mapping[str, Sequence[Any]]:
        """By key in which they differ: the value of each run; None where it has none."""
        configs = [run.record.config for run in self.runs]
        return {key: [config.get(key) for config in configs] for key in varying_keys(configs)}

    def courses(self, kind: str) -> dict[str, list[Course | None]]:
        """By name of a loss or vital that any run measured: its course in each."""
        names = dict.fromkeys(name for run in self.runs for name in run.history.names(kind))
        found = {name: [run.course(kind, name) for run in self.runs] for name in names}
        return {name: courses for name, courses in found.items() if any(courses)}

    @property
    def named(self) -> dict[str, History]:
        """For a legend."""
        return {f"{run.label}  {run.record.name}": run.history for run in self.runs}


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
        from jepa_cli.compare_json import render

        sys.stdout.write(render(comparison, out))
        return
    from jepa_cli.compare_view import show
    from jepa_cli.plain_page import LEAST, PlainPage

    columns = max(shutil.get_terminal_size().columns, LEAST)
    page = PlainPage(width=columns)
    show(comparison, out, page, columns)
    page.print()


def compared(folders: Sequence[Path]) -> Comparison:
    """Everything that these runs measured."""
    few = len(folders) <= len(ascii_uppercase)
    labels = ascii_uppercase if few else [str(number) for number, _ in enumerate(folders, 1)]
    runs = zip(labels, folders, strict=False)
    return Comparison([Compared(label, run_record(run), history(RunFiles(run).metrics)) for label, run in runs])


def _draw(comparison: Comparison, out: Path) -> Path | None:
    """Where the picture is; None where there is nothing to draw."""
    if not any(history.train or history.validations for history in comparison.named.values()):
        return None
    from jepa_world_model.evaluation.run_curves import as_picture, curves

    replace_file(out, as_picture(curves(comparison.named), out.suffix.lower().lstrip(".")))
    return out
