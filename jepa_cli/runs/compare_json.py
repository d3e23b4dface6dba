"""A comparison of runs as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audits.formats.plain_json import plain
from jepa_cli.runs.comparison import Course, RunComparison
from jepa_cli.runs.formats import facts

SCHEMA = "urn:jepa:runs-comparison:1"


def render(comparison: RunComparison, picture: Path | None) -> str:
    """One object; what a table has for each run is a list in the order of `runs`."""
    document = {
        "schema": SCHEMA,
        "runs": [{"label": run.label, **facts(run.record)} for run in comparison.runs],
        "settings": plain(comparison.settings),
        "losses": _courses(comparison, "losses"),
        "vitals": _courses(comparison, "vitals"),
        "figures": plain(comparison.figures("measured")),
        "planning": plain(comparison.figures("success")),
        "protocols": [plain(dict(run.figures.protocol)) or None for run in comparison.runs],
        "picture": str(picture) if picture else None,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _courses(comparison: RunComparison, kind: str) -> dict[str, Any]:
    return {name: [_course(each) for each in courses] for name, courses in comparison.courses(kind).items()}


def _course(course: Course | None) -> dict[str, Any] | None:
    return plain(course._asdict()) if course else None
