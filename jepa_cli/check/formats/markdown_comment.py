"""Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.formats.markdown_text import bold, code, table, text
from jepa_cli.check.report import Report
from jepa_cli.check.shares import share_lines
from jepa_world_model.rules.judging import Finding


def render(reports: Sequence[Report]) -> str:
    """Verdict, edit, findings and shares of gradient; a section for each config."""
    return "\n\n".join(section for report in reports for section in _sections(report)) + "\n"


def _sections(report: Report) -> Iterator[str]:
    baseline = text(report.baseline.settings.name)
    yield f"{bold(f'Weights of {report.name}: {report.verdict}')} (compared with {baseline})"
    if lines := [*(code(str(change)) for change in report.changes), *map(text, report.effects)]:
        yield "\n".join(f"- {line}" for line in lines)
    others = [finding for finding in report.findings if finding not in report.failing]
    if report.failing:
        yield _findings(report.failing, report)
    if others:
        yield _folded("What does not count", _findings(others, report))
    if shares := share_lines(report):
        rows = [[code(module), text(losses)] for module, losses in shares]
        yield _folded("Shares of each module's gradient", table(["Module", "Losses at the new weights"], rows))
    if report.notes:
        yield "\n".join(f"- {text(note)}" for note in report.notes)


def _findings(findings: Sequence[Finding], report: Report) -> str:
    """A row for each rule, which is explained once however often it was broken."""
    rules = {finding.rule.id: finding.rule for finding in findings}
    rows = [
        [
            text(rule.level),
            code(rule.id),
            "<br><br>".join(_found(finding, report) for finding in findings if finding.rule.id == rule.id),
            text(rule.why),
            text(rule.remedy),
        ]
        for rule in rules.values()
    ]
    return table(["", "Rule", "Found", "Why", "Remedy"], rows)


def _found(finding: Finding, report: Report) -> str:
    return "<br>".join(map(text, (finding.found.message, *finding.found.facts, *report.excuses(finding))))


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"
