"""Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from audits.drift import Drift
from audits.formats.glyphs import UNICODE, legend
from audits.formats.locations import locations
from audits.formats.markdown_text import bold, broken, code, summary, table, text
from audits.formats.moves_table import HEADINGS, move_rows
from audits.formats.wording import at_settings, counted, difference, differing, extent, notes, verdict

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.result import Audit, Flow

MOST_DRIFTS = 20
LONGEST_COMMENT = 65_536
"""GitHub refuses a comment of more characters."""


def render(comparison: Comparison) -> str:
    """Verdict, table, drifts, remarks, notes; the other settings folded, as many as a comment can hold."""
    audit = comparison.audit
    head = [f"{bold(f'Gradient flow of {audit.target}: {verdict(comparison)}')} ({text(extent(audit))})"]
    body = [*head, *_first(comparison), *_drifts(comparison), *_remarks(comparison), *_notes(comparison)]
    body[len(head) + 2 : len(head) + 2] = _moves(comparison)
    folded = [_folded(flow, comparison) for flow in audit.flows[1:]]
    shown = len(folded)
    while shown and len(_joined([*body, *folded[:shown], _omitted(len(folded))])) > LONGEST_COMMENT:
        shown -= 1
    omitted = len(folded) - shown
    return _joined([*body, *folded[:shown], *([_omitted(omitted)] if omitted else [])])


def _joined(sections: Iterable[str]) -> str:
    return "\n\n".join(sections) + "\n"


def _omitted(number: int) -> str:
    return f"{counted(number, 'further setting')}: `--format json` has them."


def _first(comparison: Comparison) -> list[str]:
    """The table of the first setting, and what its glyphs mean."""
    audit = comparison.audit
    flow = audit.flows[0]
    key = legend((cell.status for cell in flow.cells.values()), UNICODE)
    if any(flow.setting.label in drift.settings for drift in comparison.drifts):
        key.append(bold("[ ]") + " drifts")
    return [_flow_table(flow, audit, audit.losses, comparison.drifts), ", ".join(key)]


def _flow_table(flow: Flow, audit: Audit, losses: Iterable[str], drifts: Iterable[Drift]) -> str:
    here = [drift for drift in drifts if flow.setting.label in drift.settings]
    drifting = {(drift.loss, drift.module) for drift in here}

    def name(loss: str) -> str:
        return bold(f"[{loss}]") if (loss, "") in drifting else code(loss)

    def glyph(loss: str, module: str) -> str:
        shown = UNICODE[flow.cells[loss, module].status]
        return bold(f"[{shown}]") if (loss, module) in drifting else text(shown)

    rows = [[name(loss), *(glyph(loss, module) for module in audit.modules)] for loss in losses]
    return table(["", *map(broken, audit.modules)], rows, centred=True)


def _moves(comparison: Comparison) -> list[str]:
    """What real steps moved."""
    steps = comparison.audit.steps
    return [table(HEADINGS, [[text(word) for word in row] for row in move_rows(steps)])] if steps else []


def _drifts(comparison: Comparison) -> list[str]:
    if not comparison.drifts:
        return []
    rows = [_drift_row(drift, comparison.audit) for drift in comparison.drifts[:MOST_DRIFTS]]
    sections = [table(["Loss", "Module", "Drift", "Why", "Where", "Remedy", "Settings"], rows)]
    if more := len(comparison.drifts[MOST_DRIFTS:]):
        sections.append(f"and {counted(more, 'more drift')}: `--format json` has all.")
    return sections


def _drift_row(drift: Drift, audit: Audit) -> Sequence[str]:
    return (
        code(drift.subject),
        code(drift.module),
        f"{bold(drift.kind)}: expected {text(drift.expected)}, found {text(drift.found)}",
        text(drift.reason),
        "<br>".join(code(str(location)) for location in locations(drift)),
        text(drift.remedy),
        text(at_settings(drift.settings, audit)),
    )


def _remarks(comparison: Comparison) -> list[str]:
    lines = []
    for remark in comparison.remarks:
        at = f" ({code(str(remark.place))})" if remark.place and str(remark.place) not in remark.text else ""
        lines.append(f"- {bold('remark:')} {text(remark.text)}{at}")
    return ["\n".join(lines)] if lines else []


def _notes(comparison: Comparison) -> list[str]:
    lines = [f"- {text(note)}" for note in notes(comparison)]
    return ["\n".join(lines)] if lines else []


def _folded(flow: Flow, comparison: Comparison) -> str:
    """One line, under which are the losses that this setting changes or that drift at it."""
    audit = comparison.audit
    here = [drift for drift in comparison.drifts if flow.setting.label in drift.settings]
    line = difference(flow, audit.flows[0]) + (f", {counted(len(here), 'drift')}" if here else "")
    told = {loss for loss, _ in differing(flow, audit.flows[0])} | {drift.loss for drift in here}
    losses = [loss for loss in audit.losses if loss in told]
    if not losses:
        return text(line)
    inside = _flow_table(flow, audit, losses, comparison.drifts)
    return f"<details><summary>{summary(line)}</summary>\n\n{inside}\n\n</details>"
