"""A data set at a glance: as lines, and as JSON."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from jepa_cli.terminal.columns import aligned, printable
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.data.readers.overview import Overview

SCHEMA = "urn:jepa:data:1"
MOST_COLUMNS = 40


def facts(found: Overview) -> dict[str, Any]:
    """One object for machines."""
    return {
        "schema": SCHEMA,
        "path": found.path,
        "format": found.format,
        "episodes": len(found.lengths),
        "frames": int(found.lengths.sum()),
        "lengths": [int(found.lengths.min()), int(np.median(found.lengths)), int(found.lengths.max())],
        "cameras": {name: list(shape) for name, shape in found.cameras.items()},
        "used_cameras": list(found.used),
        "action_kind": found.kind.value,
        "actions": [column._asdict() for column in found.columns],
        "truth": list(found.truth),
        "notes": list(found.notes),
        "warnings": list(found.warnings),
    }


def show(found: Overview, out: Path | None) -> None:
    """What it is, its actions, and what is wrong with it."""
    low, middle, high = found.lengths.min(), int(np.median(found.lengths)), found.lengths.max()
    lengths = f"{low}" if low == high else f"{low} to {high} (median {middle})"
    columns = [(printable(each.name), *(f"{value:.4g}" for value in each[1:])) for each in found.columns[:MOST_COLUMNS]]
    table = aligned([("", "lowest", "highest", "mean", "std"), *columns], left=1)
    if len(found.columns) > MOST_COLUMNS:
        table.append(f"... {len(found.columns) - MOST_COLUMNS} more")
    page = PlainPage()
    page.fields(
        {
            "format": found.format,
            "episodes": f"{len(found.lengths):,} of {lengths} frames, {int(found.lengths.sum()):,} in all",
            "cameras": [f"{name}: {shape[0]} x {shape[1]} x {shape[2]}" for name, shape in found.cameras.items()],
            "actions": [f"{len(found.columns)} columns, {found.kind}", *table],
            "truth": ", ".join(found.truth) or "none",
            "note": found.notes,
            "warning": found.warnings,
            "pictures": str(out or ""),
            "next": f"jepa train --data {shlex.quote(found.path)}",
        },
        indent=0,
    )
    page.print()
