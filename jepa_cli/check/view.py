"""A check on a terminal: what the edit changes, what follows, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jepa_cli.check.report import Report
from jepa_cli.check.shares import share_lines
from jepa_cli.terminal.plain_page import PlainPage
from jepa_world_model.rules.judging import Finding


def show(report: Report, page: PlainPage) -> None:
    """The edit, findings that count in full, others on a line each, known ones by name, shares, notes, the verdict."""
    page.paragraph(f"{report.name} compared with {report.baseline.settings.name}", style="heading")
    page.blank()
    for line in [*map(str, report.changes), *report.effects]:
        page.paragraph(line, indent=2)
    if report.changes:
        page.blank()
    for finding in report.failing:
        _told(finding, report, page)
    others = [finding for finding in report.findings if finding not in report.failing]
    for finding in (each for each in others if not each.known or each.accepted):
        excuses = report.excuses(finding)
        told = f"{finding.level}: {finding.rule.id}: {finding.found.message}"
        page.paragraph(f"{told} ({'; '.join(excuses)})" if excuses else told)
    if known := [finding for finding in others if finding.known and not finding.accepted]:
        would_count = any(finding.counts(report.least, strict=True) for finding in known)
        more = " (--strict counts them)" if would_count and not report.strict else ""
        names = _counted([finding.rule.id for finding in known])
        page.paragraph(f"as in {report.baseline.settings.name}: {names}{more}")
    if others:
        page.blank()
    if shares := share_lines(report):
        page.paragraph("shares of each module's gradient at the new weights", style="heading")
        page.fields(dict(shares))
        page.blank()
    for note in report.notes:
        page.paragraph(f"note: {note}")
    if report.notes:
        page.blank()
    page.paragraph(report.verdict, style="good" if report.passed else "error")


def _told(finding: Finding, report: Report, page: PlainPage) -> None:
    line = report.line(finding)
    page.paragraph(f"{finding.level}: {finding.rule.id}: {finding.found.message}", style=str(finding.level))
    page.fields(
        {
            "so": finding.found.facts,
            "why": finding.rule.why,
            "remedy": finding.rule.remedy,
            "where": f"{report.file}:{line}" if report.file and line else "",
            "but": report.excuses(finding),
        }
    )
    page.blank()


def _counted(ids: Sequence[str]) -> str:
    """``z-action-loss, losses-pull-apart x 4``"""
    counts = Counter(ids)
    return ", ".join(id if count == 1 else f"{id} x {count}" for id, count in counts.items())
