"""What every SARIF log has, whoever made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from audits.formats.locations import Location

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(run: dict[str, Any]) -> str:
    """A log of one run. Its columns are counted in characters."""
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [{**run, "columnKind": "unicodeCodePoints"}]}
    return json.dumps(document, indent=1) + "\n"


def physical(location: Location) -> dict[str, Any]:
    """A line of a file; relative paths are relative to the root of the sources."""
    path = Path(location.file)
    artifact = {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(location.file), "uriBaseId": "%SRCROOT%"}
    return {"artifactLocation": artifact, "region": {"startLine": max(1, location.line)}}
