"""The facts that a checkpoint must have to be one of this project's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jepa_world_model.runs.untrusted import best_of, whole
from jepa_world_model.training.sealed import Damaged

TABLES = ("config", "data")


def check_facts(facts: Mapping[str, Any], file: Path) -> None:
    """Raises Damaged for a file without facts, or of other ones: weights that were renamed, a foreign checkpoint."""
    if not facts:
        raise Damaged(f"{file} is damaged: it has lost its facts and its checksum")
    wrong = [name for name in ("step", "processes", "metrics_bytes") if whole(facts.get(name)) is None]
    wrong += [name for name in TABLES if not isinstance(facts.get(name), dict)]
    wrong += [name for name in ("told", "alarms") if not _texts(facts.get(name))]
    wrong += [] if facts.get("best") is None or best_of(facts["best"]) else ["best"]
    wrong += [] if isinstance(facts.get("torch"), str) else ["torch"]
    if wrong and facts.get("format") in (None, 1):
        raise Damaged(f"{file} is no checkpoint of a run: expected {', '.join(sorted(wrong))} among its facts")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
