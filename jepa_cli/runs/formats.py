"""Runs for machines: JSON with everything, CSV with a row for each run and a column for each setting that varies."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from audits.formats.plain_json import plain
from jepa_cli.terminal.columns import printable
from jepa_world_model.rules.edits import shown
from jepa_world_model.runs.config import own_settings, varying_keys
from jepa_world_model.runs.progress import Sum
from jepa_world_model.runs.record import RunRecord

SCHEMA = "urn:jepa:runs:1"
COLUMNS = ("run", "state", "reason", "step", "steps", "held_out", "held_out_step", "best", "best_step")
COLUMNS += ("seconds", "alarms", "updated", "problems")


def as_json(folder: Path, records: Sequence[RunRecord]) -> str:
    """One object."""
    shared, own = own_settings([record.config for record in records])
    runs = [{**facts(record), "settings": plain(settings)} for record, settings in zip(records, own, strict=True)]
    document = {"schema": SCHEMA, "folder": str(folder), "shared_settings": plain(shared), "runs": runs}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def facts(record: RunRecord) -> dict[str, Any]:
    """What is known of a run, but for its settings."""
    return {
        "run": record.name,
        "path": str(record.path),
        "state": record.state,
        "reason": record.reason or None,
        "step": record.step,
        "steps": record.steps,
        "held_out": _sum(record.progress.last),
        "best": _sum(record.progress.best),
        "seconds": plain(record.seconds),
        "alarms": list(record.progress.alarms),
        "updated": record.updated.isoformat() if record.updated else None,
        "problems": list(record.problems),
    }


def as_csv(folder: Path, records: Sequence[RunRecord]) -> str:
    """A row for each run."""
    keys = varying_keys([record.config for record in records])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *keys])
    for record in records:
        values = [shown(record.config[key]) if key in record.config else "" for key in keys]
        table.writerow([printable(str(cell)) for cell in [*_row(record), *values]])
    return text.getvalue()


def _row(record: RunRecord) -> list[Any]:
    last, best, alarms = record.progress
    found = [
        record.name,
        record.state,
        record.reason,
        record.step,
        record.steps,
        *(last or ("", "")),
        *(best or ("", "")),
    ]
    found += [
        record.seconds,
        len(alarms),
        record.updated.isoformat() if record.updated else "",
        "; ".join(record.problems),
    ]
    return ["" if cell is None else cell for cell in found]


def _sum(found: Sum | None) -> dict[str, Any] | None:
    return plain(found._asdict()) if found else None


RENDER: dict[str, Callable[[Path, Sequence[RunRecord]], str]] = {"json": as_json, "csv": as_csv}
