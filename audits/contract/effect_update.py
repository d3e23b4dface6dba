"""The effects of the gates, brought up to date: only the effects that say something wrong are changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from audits.contract.document import Document, EffectRow
from audits.contract.effects import Conditions, Effect, all_values, applied, changes
from audits.contract.measured import by_changes, measured
from audits.result import Audit, Setting

Changes = dict[tuple[Conditions, str], Effect | None]
"""By conditions and loss, the effect that shall be written there; None removes what is written."""


def effect_changes(audit: Audit, document: Document, updates: Mapping[str, frozenset[str]]) -> Changes:
    """What must change so that the document is right at every audited setting.

    `updates` are the modules at the default gates as the document will have them.
    """
    found: Changes = {}
    settings = [flow.setting for flow in audit.flows]
    audited = {*map(changes, settings), *map(all_values, settings)}
    before = {loss: row.updates or frozenset() for row in document.flow for loss in row.losses}
    for loss in audit.losses:
        rows = [row for row in document.effects if loss in row.losses]
        old = _readable(rows)
        new = _corrected(audit, loss, old, before.get(loss, frozenset()), updates[loss])
        unreadable = {row.conditions for row in rows} - old.keys()
        for conditions in [*old, *new, *(unreadable & audited)]:
            if conditions in unreadable or old.get(conditions) != new.get(conditions):
                found[conditions, loss] = new.get(conditions)
    return found


def _readable(rows: Iterable[EffectRow]) -> dict[Conditions, Effect]:
    """What the rows of one loss say, those with equal conditions together."""
    effects: dict[Conditions, Effect] = {}
    unreadable = {row.conditions for row in rows if row.effect is None}
    for row in rows:
        if row.effect and row.conditions not in unreadable:
            other = effects.get(row.conditions, row.effect)
            gains, loses = row.effect.gains | other.gains, row.effect.loses | other.loses
            effects[row.conditions] = Effect(row.conditions, gains, loses)
    return effects


def _corrected(
    audit: Audit, loss: str, old: dict[Conditions, Effect], before: frozenset[str], updates: frozenset[str]
) -> dict[Conditions, Effect]:
    """The effects of one loss, changed at those settings where they are wrong, few changed gates first."""
    effects = old
    for flow in by_changes(audit):
        documented = applied(before, old.values(), flow.setting)
        right = measured(audit, flow, loss, documented)
        if applied(updates, effects.values(), flow.setting) != right:
            effects = _right_at(flow.setting, effects, updates, right)
    return effects


def _right_at(
    setting: Setting, effects: dict[Conditions, Effect], updates: frozenset[str], right: frozenset[str]
) -> dict[Conditions, Effect]:
    """With an effect of the changed gates; of all of them where another effect would override that one."""
    if setting.changed:
        corrected = _with_effect_of(changes(setting), setting, effects, updates, right)
        if applied(updates, corrected.values(), setting) == right:
            return corrected
    return _with_effect_of(all_values(setting), setting, effects, updates, right)


def _with_effect_of(
    conditions: Conditions,
    setting: Setting,
    effects: dict[Conditions, Effect],
    updates: frozenset[str],
    right: frozenset[str],
) -> dict[Conditions, Effect]:
    others = {other: effect for other, effect in effects.items() if other != conditions}
    without = applied(updates, others.values(), setting)
    effect = Effect(conditions, right - without, without - right)
    return {**others, conditions: effect} if effect else others
