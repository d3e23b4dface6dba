"""An edit in words: which settings it changes, and which losses then reach which module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jepa_world_model.rules.rule import Check, listed


@dataclass(frozen=True)
class SettingChange:
    """One key."""

    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.key}: {shown(self.before)} -> {shown(self.after)}"


def changes(before: Check, after: Check) -> list[SettingChange]:
    """Every key whose value differs."""
    old, new = before.settings.values, after.settings.values
    return [
        SettingChange(key, old[key], new[key]) for key in new if str(old[key]) != str(new[key])
    ]  # NaN is not itself


def effects(before: Check, after: Check) -> Iterator[str]:
    """What the edit does to the routing, a sentence each."""
    for loss in after.enabled:
        if loss not in before.enabled:
            yield f"this edit enables {loss}: it updates {_modules(after, loss)}"
    for loss in before.enabled:
        if loss not in after.enabled:
            yield f"this edit disables {loss}: it updated {_modules(before, loss)}"
    both = [loss for loss in after.enabled if loss in before.enabled]
    for module in dict.fromkeys(m for check in (after, before) for loss in both for m in check.routing.updates[loss]):
        gained, lost = _differing(after, before, both, module), _differing(before, after, both, module)
        if gained:
            yield f"this edit lets {_counted(gained)} reach {module}: {', '.join(gained)}"
        if lost:
            yield f"this edit keeps {_counted(lost)} from {module}: {', '.join(lost)}"


def shown(value: Any) -> str:
    """As TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else "unset" if value is None else str(value)


def _modules(check: Check, loss: str) -> str:
    modules = list(check.routing.updates[loss])
    return listed(modules) if modules else "nothing"


def _differing(one: Check, other: Check, losses: Sequence[str], module: str) -> list[str]:
    return [
        loss for loss in losses if module in one.routing.updates[loss] and module not in other.routing.updates[loss]
    ]


def _counted(losses: Sequence[str]) -> str:
    return f"{len(losses)} {'loss' if len(losses) == 1 else 'losses'}"
