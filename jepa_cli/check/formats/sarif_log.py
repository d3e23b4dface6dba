"""SARIF 2.1.0, as GitHub code scanning reads it: the rules, and a result for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from audits.formats.locations import Location
from audits.formats.sarif_parts import physical, sarif
from jepa_cli.check.report import Report
from jepa_world_model.rules import RULES, Level, Rule
from jepa_world_model.rules.judging import Finding

LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
KINDS = {"accepted": "inSource", "known": "external"}


def render(reports: Sequence[Report]) -> str:
    """One run. Accepted and known findings are there as suppressed ones."""
    notes = [{"level": "note", "message": {"text": note}} for report in reports for note in report.notes]
    return sarif(
        {
            "tool": {"driver": {"name": "jepa check-weights", "rules": list(map(_rule, RULES.values()))}},
            "automationDetails": {"id": "weights/"},
            "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
            "results": [_result(finding, report) for report in reports for finding in report.findings],
        }
    )


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.remedy}", "markdown": f"{rule.why}\n\n**Remedy:** {rule.remedy}"},
        "defaultConfiguration": {"level": LEVELS[rule.level]},
        "properties": {"tags": ["weights"]},
    }


def _result(finding: Finding, report: Report) -> dict[str, Any]:
    location = Location(report.file or "config.toml", report.line(finding) or 1, "document")
    result = {
        "ruleId": finding.rule.id,
        "ruleIndex": list(RULES).index(finding.rule.id),
        "level": LEVELS[finding.level],
        "message": {"text": "\n".join([finding.found.message, *finding.found.facts, finding.rule.remedy])},
        "locations": [{"physicalLocation": physical(location)}],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(finding, report)},
    }
    if finding not in report.failing and (finding.accepted or finding.known):
        kind = "accepted" if finding.accepted else "known"
        result["suppressions"] = [{"kind": KINDS[kind], "justification": "; ".join(report.excuses(finding))}]
    return result


def _fingerprint(finding: Finding, report: Report) -> str:
    """The same finding after lines have moved."""
    parts = (report.file or "", finding.rule.id, *finding.found.subjects)
    return f"{sha256(chr(10).join(parts).encode()).hexdigest()[:32]}:1"
