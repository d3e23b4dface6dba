"""An audit on a terminal or in a log: a glyph for each loss and module, then only what differs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from math import log10
from typing import TYPE_CHECKING

from audits.contract.root_causes import RootCause, root_causes
from audits.drift import Drift
from audits.errors import AuditError, nearest
from audits.formats import glyphs, wording
from audits.formats.locations import locations
from audits.result import NO_MULTIPLE, Audit, Cell, Flow, Status
from jepa_cli.audit.moves_view import move_rows, moves_legend, show_moves
from jepa_cli.terminal import grid as audit_grid
from jepa_cli.terminal.page import Page

if TYPE_CHECKING:
    from rich.console import Console

    from audits.contract import Comparison

MOST_CAUSES = 4
"""Causes that are shown in full: a screenful."""
MOST_HEADLINES = 8
"""Further causes of which the headline is shown."""
MOST_REMARKS = 8
READABLE_COUNT = 10**12
STYLES = {
    Status.LIVE: "green",
    Status.IDLE: "yellow",
    Status.VACUOUS: "yellow",
    Status.FROZEN: "cyan",
    Status.UNDERFLOW: "red",
    Status.UNPROVEN: "magenta",
    Status.NONFINITE: "red",
    Status.UNKNOWN: "red",
    Status.ABSENT: "dim",
}


def show(comparison: Comparison, console: Console) -> None:
    """The table of the first setting, a line for each other one, the drifts, the notes, the verdict."""
    page, audit = Page(console), comparison.audit
    _table(page, audit, comparison.drifts)
    here = {label: len(drifts) for label, drifts in wording.drifts_by_setting(comparison).items()}
    _other_settings(page, audit, {label: _judgement(n, label, comparison) for label, n in here.items()})
    show_moves(page, audit)
    told = root_causes(comparison.drifts)
    _root_causes(page, told, audit)
    _remarks(page, comparison)
    _notes(page, wording.notes(comparison))
    style = "bold green" if comparison.passed else "bold red"
    verdict = wording.verdict(comparison)
    if told and len(told) < len(comparison.drifts):
        verdict += f" with {wording.counted(len(told), 'cause')}"
    page.paragraph(f"{verdict}: {wording.extent(audit)}", style=style)


def show_table(comparison: Comparison, console: Console) -> None:
    """What was measured, without a verdict: for a trainer that has no document yet."""
    page, audit = Page(console), comparison.audit
    _table(page, audit, ())
    _other_settings(page, audit, {})
    show_moves(page, audit)
    _remarks(page, comparison)
    _notes(page, audit.notes)
    page.paragraph(wording.extent(audit))


def explain(audit: Audit, loss: str, module: str, console: Console) -> None:
    """One cell at every setting, settings where it is the same together. Raises AuditError for an unknown name."""
    for kind, name, known in (("loss", loss, audit.losses), ("module", module, audit.modules)):
        if name not in known:
            raise AuditError(f"expected {kind} of {audit.target}, found {name!r}: {nearest(name, known)}")
    page = Page(console)
    page.paragraph(f"{loss}: {module}", style="bold")
    page.fields({"target": audit.target, "shape": ", ".join(f"{name}={size}" for name, size in audit.shape.items())})
    for cell, labels, measured in _alike(audit, loss, module):
        page.blank()
        where = wording.at_settings(labels, audit)
        page.paragraph(f"{_marks(page)[cell.status]} {cell.status} {where}".rstrip(), style=STYLES[cell.status])
        page.fields(_details(cell, measured))


def _judgement(drifts: int, label: str, comparison: Comparison) -> str:
    if drifts:
        return wording.counted(drifts, "drift")
    return "not compared" if label in comparison.uncompared else "as documented"


def _table(page: Page, audit: Audit, drifts: Iterable[Drift]) -> None:
    flow = audit.flows[0]
    here = {(drift.loss, drift.module) for drift in drifts if flow.setting.label in drift.settings}
    of = f" at {flow.setting.label}" if flow.setting.values else ""
    page.paragraph(f"gradient flow of {audit.target}{of}", style="bold")
    page.blank()
    columns = [page.shown(module) for module in audit.modules]
    rows = [_row(page, loss, flow, audit.modules, here) for loss in audit.losses]
    rows += move_rows(page, audit)
    strokes = audit_grid.ASCII if page.ascii_only else audit_grid.UNICODE
    for line in audit_grid.grid(columns, rows, width=page.width, strokes=strokes):
        page.line(*line)
    page.blank()
    key = glyphs.legend((cell.status for cell in flow.cells.values()), _marks(page))
    key += ["[ ] drifts"] if any(module for _, module in here) else []
    key += ["* the loss drifts as a whole"] if any(not module for _, module in here) else []
    key += moves_legend(page, audit)
    page.items(key)
    page.blank()


def _row(
    page: Page, loss: str, flow: Flow, modules: Sequence[str], drifting: Collection[tuple[str, str]]
) -> audit_grid.GridRow:
    cells = []
    for module in modules:
        status = flow.cells[loss, module].status
        drifts = (loss, module) in drifting
        mark = _marks(page)[status]
        cells.append((f"[{mark}]", "bold reverse") if drifts else (f" {mark} ", STYLES[status]))
    return audit_grid.GridRow(page.shown(loss) + (" *" if (loss, "") in drifting else ""), cells)


def _marks(page: Page) -> dict[Status, str]:
    return glyphs.ASCII if page.ascii_only else glyphs.UNICODE


def _other_settings(page: Page, audit: Audit, judgements: dict[str, str]) -> None:
    for flow in audit.flows[1:]:
        judgement = judgements.get(flow.setting.label)
        page.paragraph(wording.difference(flow, audit.flows[0]) + (f", {judgement}" if judgement else ""))
    if len(audit.flows) > 1:
        page.blank()


def _root_causes(page: Page, told: Sequence[RootCause], audit: Audit) -> None:
    """The first ones in full, then headlines, then how many more there are."""
    for root_cause in told[:MOST_CAUSES]:
        _root_cause(page, root_cause, audit)
    headlines = [root_cause.headline for root_cause in told[MOST_CAUSES : MOST_CAUSES + MOST_HEADLINES]]
    for headline in headlines:
        page.paragraph(headline, style="bold red")
    if more := sum(len(each.causes) + len(each.follows) for each in told[MOST_CAUSES + MOST_HEADLINES :]):
        page.paragraph(f"and {wording.counted(more, 'more drift')}")
    if headlines:
        page.paragraph("--format json has all of every drift")
        page.blank()


def _root_cause(page: Page, root_cause: RootCause, audit: Audit) -> None:
    drift = root_cause.drift
    where = [str(where) if where.of == "code" else f"{where} (document)" for where in locations(drift)]
    page.paragraph(root_cause.headline, style="bold red")
    page.fields(
        {
            "where": ", ".join(where),
            "losses": ", ".join(root_cause.losses) if drift.origin else "",
            "expected": "" if drift.origin else f"{drift.expected}, found {drift.found}",
            "why": "" if drift.origin else drift.reason,
            "so": "\n".join(root_cause.effects()),
            "remedy": drift.remedy,
            "seen": wording.at_settings(root_cause.settings, audit),
        }
    )
    page.blank()


def _remarks(page: Page, comparison: Comparison) -> None:
    shown = comparison.remarks[:MOST_REMARKS]
    for remark in shown:
        at = f" ({remark.place})" if remark.place and str(remark.place) not in remark.text else ""
        style = "bold red" if remark in comparison.failures else "yellow"
        page.paragraph(f"remark: {remark.text}{at}", style=style)
    if more := len(comparison.remarks) - len(shown):
        page.paragraph(f"and {wording.counted(more, 'more remark')}: use --format json for all")
    if shown:
        page.blank()


def _notes(page: Page, notes: Sequence[str]) -> None:
    for note in notes:
        page.paragraph(f"note: {note}")
    if notes:
        page.blank()


def _alike(audit: Audit, loss: str, module: str) -> list[tuple[Cell, list[str], list[Cell]]]:
    """Cells that are equal but for the measured sizes: one of them, the labels of their settings, all of them."""
    groups: dict[Cell, tuple[list[str], list[Cell]]] = {}
    for flow in audit.flows:
        cell = flow.cells[loss, module]
        unsized = replace(cell, norm=None, share=None, derivative_ratio=None, held_ratio=None)
        labels, cells = groups.setdefault(unsized, ([], []))
        labels.append(flow.setting.label)
        cells.append(cell)
    return [(cell, labels, cells) for cell, (labels, cells) in groups.items()]


def _details(cell: Cell, measured: Sequence[Cell]) -> dict[str, str]:
    sized = [] if cell.status is Status.ABSENT else measured
    return {
        "paths": "cannot be counted" if cell.paths is None else _count(cell.paths),
        "parameters": f"{cell.reached:,} of {cell.parameters:,} reached",
        "norm": _distinct([f"{cell.norm:.3g}" for cell in sized if cell.norm is not None]),
        "share": _distinct([f"{cell.share:.1%}" for cell in sized if cell.share is not None]),
        "derivative": _distinct([_times(ratio) for c in measured if (ratio := c.derivative_ratio) is not None]),
        "nonfinite": f"{cell.nonfinite:,} entries of the gradient" if cell.nonfinite else "",
        "cut at": "\n".join(map(str, cell.stops)),
        "why": _why(cell),
    }


def _times(ratio: float) -> str:
    return "the gradient is no multiple of it" if abs(ratio) >= NO_MULTIPLE else f"the gradient is {ratio:.3g} times it"


def _why(cell: Cell) -> str:
    """The reason, unless it only repeats the stops."""
    if cell.stops and all(str(stop) in cell.reason for stop in cell.stops):
        return ""
    return cell.reason or ("no data path" if cell.status is Status.ABSENT and not cell.stops else "")


def _distinct(sizes: Sequence[str]) -> str:
    """Each size that occurs, once."""
    return ", ".join(dict.fromkeys(sizes))


def _count(paths: int) -> str:
    """Exact as long as people read it: ``1,024``, then ``about 1.6e60``."""
    if paths < READABLE_COUNT:
        return f"{paths:,}"
    exponent = int(log10(paths))
    return f"about {10 ** (log10(paths) - exponent):.1f}e{exponent}"
