"""Rows of the effects table, edited so that each effect stands in one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from audits.contract.conditions import conditions_text
from audits.contract.document import Document, EffectRow
from audits.contract.editing import Edits
from audits.contract.effect_update import Changes
from audits.contract.effects import Conditions, Effect, all_values, changes
from audits.contract.headings import Columns
from audits.contract.markdown import TableLine
from audits.contract.measured import by_changes, losses_text, modules_text
from audits.contract.template import effects_section
from audits.result import Audit


class _Line:
    """A row while it is edited: the losses that stay, and those that join them."""

    def __init__(self, row: EffectRow, changed: Changes) -> None:
        self.row, self.effect = row, row.effect
        self.losses = [loss for loss in row.losses if (row.conditions, loss) not in changed]
        self.free = not self.losses and bool(row.losses)
        """Whether nothing that it says is still right."""
        self.empty = not row.losses and row.effect is not None and not row.effect
        """Whether it says that the gates change nothing."""

    def says(self, effect: Effect) -> bool:
        return bool(self.losses) and self.effect == effect

    def can_say(self, effect: Effect, losses: Iterable[str]) -> bool:
        """Whether it is free for an effect that is the old one changed."""
        related = self.empty or (self.free and not set(losses).isdisjoint(self.row.losses))
        return related and self.row.conditions == effect.conditions and _has_columns(self.row.columns, effect)

    def take(self, effect: Effect, losses: Iterable[str]) -> None:
        self.effect, self.free, self.empty = effect, False, False
        self.losses += losses


def edit_effects(audit: Audit, document: Document, changed: Changes, edits: Edits) -> None:
    """Write the changes: into rows that say the same, into the rows they replace, or else into new rows."""
    lines = [_Line(row, changed) for row in document.effects]
    new: list[tuple[Effect, list[str]]] = []
    for effect, losses in _grouped(audit, changed):
        same = (line for line in lines if line.says(effect))
        line = next(same, None) or next((line for line in lines if line.can_say(effect, losses)), None)
        if line:
            line.take(effect, losses)
        else:
            new.append((effect, losses))
    for line in lines:
        _write(audit, line, edits)
    said = [line.row.conditions for line in lines if not line.free] + [effect.conditions for effect, _ in new]
    _add_rows(audit, document, [*new, *_without_effect(audit, said)], edits)


def _without_effect(audit: Audit, said: Iterable[Conditions]) -> Iterable[tuple[Effect, list[str]]]:
    """For each audited change of gates of which no row speaks: that it changes nothing."""
    spoken = frozenset(pair for conditions in said for pair in conditions)
    for flow in by_changes(audit):
        if not changes(flow.setting) <= spoken:
            spoken |= changes(flow.setting)
            yield Effect(changes(flow.setting), frozenset(), frozenset()), []


def _grouped(audit: Audit, changed: Changes) -> list[tuple[Effect, list[str]]]:
    """Equal effects together, in the order of settings and losses."""
    settings = [flow.setting for flow in by_changes(audit)]
    order = [*map(changes, settings), *map(all_values, settings)]
    groups: dict[Effect, list[str]] = {}
    for loss in audit.losses:
        for (_, of), effect in changed.items():
            if of == loss and effect:
                groups.setdefault(effect, []).append(loss)
    return sorted(groups.items(), key=lambda group: order.index(group[0].conditions))


def _write(audit: Audit, line: _Line, edits: Edits) -> None:
    row = line.row
    if line.free:
        edits.delete(row.line)
        return
    if line.effect and line.effect != row.effect:
        for column, modules in (("gains", line.effect.gains), ("loses", line.effect.loses)):
            if column in row.columns.at and (row.effect is None or modules != getattr(row.effect, column)):
                edits.set_cell(
                    row.columns, row.line, column, modules_text(audit, modules, like=row.columns.text(row.line, column))
                )
    if set(line.losses) != set(row.losses):
        quoted = row.columns.text(row.line, "losses")
        losses = _in_order(audit, line.losses, row.losses)
        edits.set_cell(row.columns, row.line, "losses", losses_text(audit, losses, like=quoted))


def _in_order(audit: Audit, losses: list[str], before: Collection[str]) -> list[str]:
    """In the audit's order where others joined; as they stood where some only left, or are not in the audit."""
    joined = not set(losses) <= set(before)
    return sorted(losses, key=audit.losses.index) if joined and set(losses) <= set(audit.losses) else losses


def _add_rows(audit: Audit, document: Document, new: list[tuple[Effect, list[str]]], edits: Edits) -> None:
    """Behind the last row with the same conditions, else at the end of a table, else in a table of their own."""
    homeless = []
    for effect, losses in new:
        texts = _texts(audit, effect, losses)
        columns = next((one for one in reversed(document.effect_tables) if _has_columns(one, effect)), None)
        if columns is None:
            homeless.append(texts)
            continue
        texts = {column: text for column, text in texts.items() if column in columns.at}
        edits.add_row(columns, _last_with(effect.conditions, columns, document), texts)
    if homeless:
        edits.append(effects_section(homeless))


def _last_with(conditions: Conditions, columns: Columns, document: Document) -> TableLine:
    rows = [row for row in document.effects if row.columns is columns and row.conditions == conditions]
    return rows[-1].line if rows else columns.table.last


def _texts(audit: Audit, effect: Effect, losses: list[str]) -> dict[str, str]:
    return {
        "gate": conditions_text(effect.conditions, audit.flows[0].setting.defaults),
        "losses": losses_text(audit, losses),
        "gains": modules_text(audit, effect.gains),
        "loses": modules_text(audit, effect.loses),
    }


def _has_columns(columns: Columns, effect: Effect) -> bool:
    needed = [name for name, modules in (("gains", effect.gains), ("loses", effect.loses)) if modules]
    return all(name in columns.at for name in needed)
