"""What each training of an ablation reached, kept in one file; and what each change costs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audits.files import write_file
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.ablation import UNCHANGED
from jepa_world_model.evaluation.figure import FIGURES

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t for 95 %, by degrees of freedom from 1 on."""
NORMAL_95 = 1.96
SMALLEST = 0.0005
"""Differences below it are none: models that hardly learnt may differ by less in one direction."""


@dataclass(frozen=True)
class Result:
    """What one training reached."""

    variant: str
    seed: int
    values: Mapping[str, float]
    """Figures by name, and success by planner."""
    problem: str = ""
    """Why there are none."""


class Results:
    """All trainings of a file, added one at a time: an ablation that was interrupted goes on after the last."""

    def __init__(self, path: Path) -> None:
        """Raises UserError for a file that holds something else."""
        self.path = path
        self._entries = self._read()

    def find(self, budget: Mapping[str, Any], variant: str, seed: int) -> Result | None:
        """That of an earlier training with the same budget."""
        for one in self._entries:
            if (one["budget"], one["variant"], one["seed"]) == (dict(budget), variant, seed):
                return Result(variant, seed, one["values"], one["problem"])
        return None

    def add(self, budget: Mapping[str, Any], result: Result) -> None:
        """Keep one more. What another process has added meanwhile stays."""
        self._entries = [*self._read(), {"budget": dict(budget), **vars(result), "values": dict(result.values)}]
        self.save()

    def save(self) -> None:
        """Write the file. Raises CannotWrite."""
        write_file(self.path, (json.dumps({"trainings": self._entries}, indent=1) + "\n").encode())

    def _read(self) -> list[dict[str, Any]]:
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))["trainings"]
            for one in entries:
                Result(str(one["variant"]), int(one["seed"]), {**one["values"]}, str(one["problem"]))
                sum(one["values"].values())
                dict(one["budget"])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{self.path} holds no trainings of an ablation; move it away") from error
        return entries


@dataclass(frozen=True)
class Cost:
    """What a change does to one figure."""

    figure: str
    unchanged: float
    changed: float
    difference: float
    """Mean over seeds of changed minus unchanged, each pair trained with the same seed."""
    low: float
    high: float
    """95 %, by Student's t over the pairs; NaN for a single one."""
    pairs: int
    worse: bool | None
    """Whether the interval lies on the wrong side of zero: None where it contains zero, or no side is wrong."""


def costs(unchanged: Sequence[Result], changed: Sequence[Result]) -> Iterator[Cost]:
    """Of every figure that both have, in the order of the evaluation."""
    before = {result.seed: result.values for result in unchanged if not result.problem}
    pairs = [(before[one.seed], one.values) for one in changed if not one.problem and one.seed in before]
    names = dict.fromkeys([*FIGURES, *(name for result in unchanged for name in result.values)])
    for name in names:
        values = np.array([(old[name], new[name]) for old, new in pairs if name in old and name in new])
        if len(values):
            yield _cost(name, values)


def _cost(name: str, values: np.ndarray) -> Cost:
    """values [pairs, 2]: unchanged and changed."""
    differences = values[:, 1] - values[:, 0]
    mean, half = float(differences.mean()), float("nan")
    if len(differences) > 1:
        spread = float(differences.std(ddof=1)) / len(differences) ** 0.5
        half = spread * (T_95[len(differences) - 2] if len(differences) - 2 < len(T_95) else NORMAL_95)
    low, high = mean - half, mean + half
    better = _more_is_better(name)
    told = abs(mean) >= SMALLEST and (low > 0 or high < 0)
    worse = None if better is None or not told else (high < 0) == better
    old, new = (float(column.mean()) for column in values.T)
    return Cost(name, old, new, mean, low, high, len(differences), worse)


def _more_is_better(name: str) -> bool | None:
    """None for a figure that has no target; success of a planner is no figure, and more of it is better."""
    figure = FIGURES.get(name)
    if figure is None:
        return True
    return None if figure.target is None else not figure.at_most


def of_variant(results: Sequence[Result], name: str) -> list[Result]:
    """Those of one variant."""
    return [one for one in results if one.variant == name]


def changes(results: Sequence[Result]) -> dict[str, list[Cost]]:
    """By variant: what it costs in each figure."""
    unchanged = of_variant(results, UNCHANGED)
    names = dict.fromkeys(one.variant for one in results if one.variant != UNCHANGED)
    return {name: list(costs(unchanged, of_variant(results, name))) for name in names}
