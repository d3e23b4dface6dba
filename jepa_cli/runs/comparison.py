"""Runs compared: settings that differ, the course of each loss and vital, and what `jepa eval` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import isfinite
from pathlib import Path
from string import ascii_uppercase
from typing import Any, NamedTuple

from jepa_world_model.runs.config import varying_keys
from jepa_world_model.runs.figures import Figure, Figures, figures
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.runs.metrics import History, history
from jepa_world_model.runs.record import RunRecord, run_record


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
    figures: Figures

    def course(self, kind: str, name: str) -> Course | None:
        """None for a loss or a vital that this run did not measure."""
        values = self.history.held_out(kind, name)
        if not values:
            return None
        finite = {step: value for step, value in values.items() if isfinite(value)} or values
        best = min(finite, key=finite.__getitem__)
        return Course(values[min(values)], values[max(values)], values[best], best)


@dataclass(frozen=True)
class RunComparison:
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

    def figures(self, kind: str) -> dict[str, list[Figure | None]]:
        """By name of a figure (kind ``measured``) or planner (``success``) that any run has: what each has of it."""
        every = [getattr(run.figures, kind) for run in self.runs]
        return {name: [each.get(name) for each in every] for name in dict.fromkeys(chain(*every))}

    @property
    def other_protocols(self) -> list[str]:
        """Where the protocols differ by which the figures were measured."""
        protocols = [run.figures.protocol for run in self.runs if run.figures.protocol]
        keys = dict.fromkeys(key for protocol in protocols for key in protocol if key != "run")
        return [key for key in keys if any(each.get(key) != protocols[0].get(key) for each in protocols)]

    @property
    def named(self) -> dict[str, History]:
        """For a legend."""
        return {f"{run.label}  {run.record.name}": run.history for run in self.runs}


def compared(folders: Sequence[Path]) -> RunComparison:
    """Everything that these runs measured."""
    few = len(folders) <= len(ascii_uppercase)
    labels = ascii_uppercase if few else [str(number) for number, _ in enumerate(folders, 1)]
    runs = zip(labels, folders, strict=False)
    return RunComparison([_compared(label, run) for label, run in runs])


def _compared(label: str, folder: Path) -> Compared:
    files = RunFiles(folder)
    return Compared(label, run_record(folder), history(files.metrics), figures(files))
