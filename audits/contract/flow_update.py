"""The flow table, brought up to date: cells whose meaning changed, and rows for new losses."""

from __future__ import annotations

from typing import NamedTuple

from audits.contract.document import Document, FlowRow
from audits.contract.editing import Edits
from audits.contract.measured import default_flow, losses_text, measured, modules_text
from audits.contract.mistakes import Mistakes, shown
from audits.contract.targets import StopGrads, differs, own_stops, stop_names, target_text
from audits.errors import AuditError
from audits.result import Audit, Flow


class Wanted(NamedTuple):
    """What the cells of a loss shall say; None leaves a cell as it is."""

    updates: str | None = None
    target: str | None = None


def update_flow(audit: Audit, document: Document, mistakes: Mistakes, edits: Edits) -> dict[str, frozenset[str]]:
    """Edit the rows of the audited losses, and add those that are missing.

    Returns what each of them then updates at the default setting.
    """
    flow, rows = default_flow(audit), {loss: row for row in document.flow for loss in row.losses}
    if flow is None:
        return _as_documented(audit, document, rows, mistakes)
    partial = not rows.keys() <= set(audit.losses)
    for row in document.flow:
        _edit_row(audit, row, {loss: _wanted(audit, flow, row, loss, partial=partial) for loss in row.losses}, edits)
    for loss in audit.losses:
        if loss not in rows:
            _add_row(audit, flow, document, loss, edits, partial=partial)
    return {loss: measured(audit, flow, loss, _documented(rows.get(loss))) for loss in audit.losses}


def _as_documented(
    audit: Audit, document: Document, rows: dict[str, FlowRow], mistakes: Mistakes
) -> dict[str, frozenset[str]]:
    """Without a default setting to compare with, the rows must be there and be readable."""
    missing = [loss for loss in audit.losses if loss not in rows]
    if missing:
        names = ", ".join(map(repr, missing))
        raise AuditError(f"{shown(document.path)} has no row for {names}: audit the default setting too to add one")
    if any(rows[loss].updates is None for loss in audit.losses):
        mistakes.raise_all()
    return {loss: _documented(rows[loss]) for loss in audit.losses}


def _documented(row: FlowRow | None) -> frozenset[str]:
    return (row.updates if row else None) or frozenset()


def _wanted(audit: Audit, flow: Flow, row: FlowRow, loss: str, *, partial: bool) -> Wanted:
    if loss not in audit.losses:
        return Wanted()
    updates = measured(audit, flow, loss, _documented(row))
    target = _target(row.stop_grads, flow, loss, partial=partial)
    return Wanted(
        None if updates == row.updates else modules_text(audit, updates, like=row.columns.text(row.line, "updates")),
        target,
    )


def _target(said: StopGrads, flow: Flow, loss: str, *, partial: bool) -> str | None:
    """The cell, where it says something wrong. Of a part of the losses no stop is known to be a loss's own."""
    if not differs(said, flow, loss, partial=partial):
        return None
    own = stop_names(own_stops(flow, loss))
    return target_text(own & said if partial and isinstance(said, frozenset) else own)


def _edit_row(audit: Audit, row: FlowRow, wanted: dict[str, Wanted], edits: Edits) -> None:
    """Losses whose cells stay as they are keep the line; the others get one each way, with the same notes."""
    groups: dict[Wanted, list[str]] = {}
    for loss in row.losses:
        groups.setdefault(wanted[loss], []).append(loss)
    old = row.columns.text(row.line, "loss")
    for at, (cells, losses) in enumerate(sorted(groups.items(), key=lambda group: group[0] != Wanted())):
        texts = {"loss": losses_text(audit, losses, like=old)} if len(groups) > 1 else {}
        texts |= {column: text for column, text in cells._asdict().items() if text is not None}
        if at == 0:
            for column, text in texts.items():
                edits.set_cell(row.columns, row.line, column, text)
        else:
            edits.add_row(row.columns, row.line, texts, like=row.line)


def _add_row(audit: Audit, flow: Flow, document: Document, loss: str, edits: Edits, *, partial: bool) -> None:
    columns = document.flow_tables[-1]
    texts = {
        "loss": losses_text(audit, [loss]),
        "updates": modules_text(audit, measured(audit, flow, loss, frozenset())),
    }
    if "target" in columns.at and not partial:
        texts["target"] = target_text(stop_names(own_stops(flow, loss)))
    edits.add_row(columns, columns.table.last, texts)
