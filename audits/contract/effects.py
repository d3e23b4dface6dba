"""What a change of gates does to the modules that a loss updates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from audits.result import Setting

Conditions = frozenset[tuple[str, str]]
"""Names of gates, each with one of its values as text."""


@dataclass(frozen=True)
class Effect:
    """Wherever all conditions hold, these modules are updated too, and those no longer."""

    conditions: Conditions
    gains: frozenset[str]
    loses: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.gains or self.loses)


def changes(setting: Setting) -> Conditions:
    """The conditions that say what differs from the defaults, and no more."""
    return frozenset((name, str(value)) for name, value in setting.changed.items())


def all_values(setting: Setting) -> Conditions:
    """The conditions that hold at this setting alone."""
    return frozenset((name, str(value)) for name, value in setting.values.items())


def holds(conditions: Conditions, setting: Setting) -> bool:
    return conditions <= all_values(setting)


def applied(updates: frozenset[str], effects: Iterable[Effect], setting: Setting) -> frozenset[str]:
    """The modules updated at a setting: the default ones, changed by effects with few conditions first.

    Among effects with equally many conditions all gains come before all losses, so their order does not matter.
    """
    speaking = sorted((one for one in effects if holds(one.conditions, setting)), key=_specific)
    for _, level in groupby(speaking, key=_specific):
        equals = list(level)
        updates = updates.union(*(one.gains for one in equals)).difference(*(one.loses for one in equals))
    return updates


def _specific(effect: Effect) -> int:
    return len(effect.conditions)
