"""JSON: everything that a check found, and all that was measured for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from audits.formats.plain_json import plain
from jepa_cli.check.report import Report
from jepa_world_model.rules.judging import Finding

SCHEMA = "urn:jepa:check:1"


def render(reports: Sequence[Report]) -> str:
    """One object, with one check for each config."""
    document = {
        "schema": SCHEMA,
        "passed": all(report.passed for report in reports),
        "checks": list(map(_check, reports)),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _check(report: Report) -> dict[str, Any]:
    measurement = report.check.measurement
    return {
        "config": report.name,
        "baseline": report.baseline.settings.name,
        "passed": report.passed,
        "measured": report.measured,
        "changes": [
            {"key": change.key, "before": plain(change.before), "after": plain(change.after)}
            for change in report.changes
        ],
        "effects": report.effects,
        "findings": [_finding(finding, report) for finding in report.findings],
        "shares": measurement.shares if measurement else {},
        "cosines": [
            {"module": pair.module, "losses": list(pair.losses), "mean": pair.mean, "low": pair.low, "high": pair.high}
            for pair in (measurement.opposed if measurement else ())
        ],
        "notes": list(report.notes),
    }


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "level": finding.level,
        "message": finding.found.message,
        "why": finding.rule.why,
        "remedy": finding.rule.remedy,
        "subjects": list(finding.found.subjects),
        "keys": list(finding.found.keys),
        "facts": list(finding.found.facts),
        "accepted": finding.accepted or None,
        "known": finding.known,
        "fails": finding in report.failing,
        "line": report.line(finding),
    }
