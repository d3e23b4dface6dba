"""GitHub workflow commands: an annotation for each finding that counts, at its line of the config file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from audits.formats.workflow_command import annotation
from jepa_cli.check.report import Report
from jepa_world_model.rules import Level
from jepa_world_model.rules.judging import Finding

LEVELS: dict[Level, Literal["error", "warning", "notice"]] = {
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.INFO: "notice",
}


def render(reports: Sequence[Report]) -> str:
    return "".join(f"{line}\n" for report in reports for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        if finding in report.failing:
            yield _annotation(finding, report)
    if report.passed:
        yield annotation("notice", report.verdict, title=f"Weights of {report.name}")


def _annotation(finding: Finding, report: Report) -> str:
    file, line = report.file, report.line(finding)
    where = {"file": file, "line": str(line or 1)} if file else {}
    lines = [finding.found.message, *finding.found.facts, finding.rule.why, finding.rule.remedy]
    return annotation(LEVELS[finding.level], "\n".join(lines), **where, title=finding.rule.id)
