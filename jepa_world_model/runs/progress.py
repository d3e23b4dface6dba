"""The progress of a run: its weighted sums on held-out trajectories, and its alarms."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, NamedTuple

from audits.files import open_file
from jepa_world_model.runs.config import Config
from jepa_world_model.runs.files import FACTS, HEADER_SIZE, RunFiles
from jepa_world_model.runs.metrics import ALARM, VALIDATION, newest, rare_rows
from jepa_world_model.runs.untrusted import best_of, checkpoint_files, is_number, parsed, texts, whole

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
    weights: dict[str, Any] = {name: config.get(f"losses.{name}") for name in row["losses"]}
    weights = {name: float(weight) for name, weight in weights.items() if is_number(weight)}
    if not weights or weights.keys() != row["losses"].keys():
        return None
    return Sum(sum(weights[name] * value for name, value in row["losses"].items()), row["step"])


def _checkpoint_facts(run: RunFiles) -> Mapping[str, Any]:
    """From the header of the newest checkpoint; nothing where there is none, or it does not fit the rows."""
    newest = next(reversed(checkpoint_files(run.checkpoint_folder).values()), None)
    if newest is None:
        return {}
    with suppress(OSError, KeyError, TypeError, AttributeError):
        with open_file(newest) as file:
            size = int.from_bytes(file.read(HEADER_SIZE), "little")
            header = parsed(file.read(min(size, LARGEST_HEADER)))
        facts = parsed(header["__metadata__"][FACTS])
        seen = whole(facts.get("metrics_bytes"))
        if seen is not None and seen <= run.metrics.stat().st_size:
            return {"metrics_bytes": seen, "best": best_of(facts.get("best")), "told": texts(facts.get("told"))}
    return {}
