"""Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audits.formats.markdown_text import bold, code, table, text
from jepa_cli.check_report import Report
from jepa_cli.check_shares import share_lines
from jepa_world_model.rules.judging import Finding


def render(reports: Sequence[Report]) -> str:
    """Verdict, edit, findings, and who would train what; a section for each config."""
    return "\n\n".join(section for report in reports for section in _sections(report)) + "\n"


def _sections(report: Report) -> Iterator[str]:
    beside = text(report.baseline.settings.name)
    yield f"{bold(f'Weights of {report.name}: {report.verdict}')} (beside {beside})"
    if lines := [*(code(str(change)) for change in report.changes), *map(text, report.effects)]:
        yield "\n".join(f"- {line}" for line in lines)
    if report.findings:
        yield table(["", "Rule", "Found", "Why", "Remedy"], [_row(finding, report) for finding in report.findings])
    if shares := share_lines(report):
        rows = [[code(module), text(losses)] for module, losses in shares]
        inside = table(["Module", "Shares of its gradient at the new weights"], rows)
        yield f"<details><summary>Who would train what</summary>\n\n{inside}\n\n</details>"
    if report.notes:
        yield "\n".join(f"- {text(note)}" for note in report.notes)


def _row(finding: Finding, report: Report) -> list[str]:
    level = bold(finding.level) if finding in report.failing else text(finding.level)
    found = "<br>".join(map(text, (finding.found.message, *finding.found.facts, *report.excuses(finding))))
    return [level, code(finding.rule.id), found, text(finding.rule.why), text(finding.rule.remedy)]
