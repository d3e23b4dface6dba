"""The progress of a run: its weighted sums on held-out trajectories, and its alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

from jepa_world_model.runs.config import Config
from jepa_world_model.runs.files import CHECKPOINTS, FACTS, HEADER_SIZE, RunFiles
from jepa_world_model.runs.metrics import ALARM, VALIDATION, newest, rare_rows

LARGEST_HEADER = 10**8


class Sum(NamedTuple):
    """The weighted sum of the losses on held-out trajectories, and after which step."""

    value: float
    step: int


class Progress(NamedTuple):
    """None where nothing was measured, or a weight is not known."""

    last: Sum | None = None
    best: Sum | None = None
    alarms: tuple[str, ...] = ()
    """Keys of [alarms] whose bound was crossed, with the loss where it is one of losses."""


def progress(run: RunFiles, config: Config) -> Progress:
    """What the rows of a run say. The newest checkpoint knows it of all rows before it: only those after are read."""
    facts = _checkpoint_facts(run)
    sums = [Sum(*facts["best"])] if facts.get("best") else []
    alarms = list(facts.get("told", ()))
    for row in rare_rows(run.metrics, facts.get("metrics_bytes", 0)):
        if row["split"] == ALARM:
            alarms.append(row["alarm"])
        elif found := _sum(config, row):
            sums.append(found)
    best = min((found for found in sums if isfinite(found.value)), default=None)
    last = newest(run.metrics, VALIDATION)
    return Progress(_sum(config, last) if last else None, best, tuple(dict.fromkeys(alarms)))


def _sum(config: Config, row: Mapping[str, Any]) -> Sum | None:
    weights = {name: config.get(f"losses.{name}") for name in row["losses"]}
    if not weights or any(not isinstance(weight, int | float) for weight in weights.values()):
        return None
    return Sum(sum(weights[name] * value for name, value in row["losses"].items()), row["step"])


def _checkpoint_facts(run: RunFiles) -> Mapping[str, Any]:
    """From the header of the newest checkpoint; nothing where there is none, or it does not fit the rows."""
    try:
        with max(run.checkpoint_folder.glob(CHECKPOINTS)).open("rb") as file:
            size = int.from_bytes(file.read(HEADER_SIZE), "little")
            header = json.loads(file.read(min(size, LARGEST_HEADER)))
        facts = json.loads(header["__metadata__"][FACTS])
        there = facts["metrics_bytes"] <= run.metrics.stat().st_size
        told = all(isinstance(key, str) for key in facts["told"])
        return facts if there and told and len(facts["best"] or (0.0, 0)) == len(Sum._fields) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
