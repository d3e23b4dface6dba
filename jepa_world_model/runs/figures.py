"""What `jepa eval` kept in the folder of a run, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audits.files import read_file
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.runs.untrusted import parsed

Figure = Mapping[str, Any]
"""``value``, and where known ``low``, ``high``, ``count``, ``target`` and ``met``."""


@dataclass(frozen=True)
class Figures:
    """Those of one run; empty where it was not evaluated."""

    protocol: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Figure] = field(default_factory=dict)
    """By name, without those that could not be measured."""
    success: Mapping[str, Figure] = field(default_factory=dict)
    """By planner: the share of goals that it reached."""
    problem: str = ""
    """What is wrong with them, in words."""


def figures(run: RunFiles) -> Figures:
    """Of a damaged file none, with what is wrong."""
    file = run.evaluation
    try:
        found = parsed(read_file(file))
        measured = {name: one for name, one in found["figures"].items() if one["value"] is not None}
        success = {
            name: one["success"] for name, one in found["planning"].items() if one["success"]["value"] is not None
        }
        numbers = [one["value"] + 0.0 for one in (*measured.values(), *success.values())]
        return Figures({**found["protocol"]}, measured, success, _age(run) if numbers else "")
    except FileNotFoundError:
        return Figures()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Figures(problem=f"{file.name} cannot be read: run jepa eval again")


def _age(run: RunFiles) -> str:
    try:
        older = run.evaluation.stat().st_mtime < run.weights.stat().st_mtime
    except OSError:
        return ""
    return f"{run.evaluation.name} is older than the weights: run jepa eval again" if older else ""
