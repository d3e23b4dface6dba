"""Drifts by cause: one deleted or added stop makes many, and is told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from audits.drift import Drift, DriftKind

IN_ONE_LINE = 3
"""Losses that are named before they are counted."""
EFFECTS = (
    DriftKind.UNDECIDED,
    DriftKind.MISSING,
    DriftKind.UNEXPECTED,
    DriftKind.STOP_GRAD,
    DriftKind.STOP_NEW,
    DriftKind.STOP_GONE,
    DriftKind.ROUTE,
    DriftKind.DERIVATIVE,
)
"""What a reader wants to know first."""


@dataclass(frozen=True)
class RootCause:
    """What happened, to which losses, and what follows from it."""

    causes: tuple[Drift, ...]
    """The same drift of each loss."""
    follows: tuple[Drift, ...] = ()
    """Drifts of these losses that a deleted or added stop explains."""

    @property
    def drift(self) -> Drift:
        """One of the causes."""
        return self.causes[0]

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(drift.loss for drift in self.causes if drift.loss))

    @property
    def settings(self) -> tuple[str, ...]:
        """Labels of all settings where a cause was seen."""
        return tuple(dict.fromkeys(label for drift in self.causes for label in drift.settings))

    @property
    def headline(self) -> str:
        """``new stop at states.py:81 (z.detach())``, ``stop gone: losses.jepa: sg_z``, ``jepa: encoder: missing``."""
        if not self.drift.origin:
            return replace(self.drift, loss=named(self.losses)).headline
        if self.drift.kind is DriftKind.STOP_NEW and self.drift.place:
            return f"new stop at {self.drift.place} ({self.drift.place.text})"
        return f"{self.drift.kind}: {self.drift.origin}"

    def effects(self) -> list[str]:
        """What follows, in words, the same for several losses once."""
        groups: dict[tuple[DriftKind, str], list[Drift]] = {}
        for drift in self.follows:
            about = "" if drift.kind is DriftKind.ROUTE else drift.module or drift.expected
            groups.setdefault((drift.kind, about), []).append(drift)
        told = sorted(groups.items(), key=lambda group: EFFECTS.index(group[0][0]))
        return [_effect(kind, about, drifts) for (kind, about), drifts in told]


def root_causes(drifts: Sequence[Drift]) -> list[RootCause]:
    """All drifts, each in one root cause, those with a known cause first."""
    origins: dict[tuple[DriftKind, str], list[Drift]] = {}
    for drift in drifts:
        if drift.origin:
            origins.setdefault((drift.kind, drift.origin), []).append(drift)
    follows: dict[tuple[DriftKind, str], list[Drift]] = {key: [] for key in origins}
    alone: dict[Drift, list[Drift]] = {}
    for drift in drifts:
        if drift.origin:
            continue
        cause = next((key for key, causes in origins.items() if _explains(causes, drift)), None)
        if cause:
            follows[cause].append(drift)
        else:
            alone.setdefault(replace(drift, loss="", row=None), []).append(drift)
    told = [RootCause(tuple(causes), tuple(follows[key])) for key, causes in origins.items()]
    return told + [RootCause(tuple(same)) for same in alone.values()]


def named(losses: Iterable[str]) -> str:
    """``jepa, h2z and z2h``, or ``jepa, h2z, z2h and 21 more losses``."""
    losses = list(dict.fromkeys(losses))
    if not losses:
        return ""
    if len(losses) > IN_ONE_LINE + 1:
        return f"{', '.join(losses[:IN_ONE_LINE])} and {len(losses) - IN_ONE_LINE} more losses"
    return " and ".join(filter(None, [", ".join(losses[:-1]), losses[-1]]))


def _explains(causes: Iterable[Drift], drift: Drift) -> bool:
    """A stop explains what else changes for its loss at its settings, and other routes of its loss at any."""
    anywhere = drift.kind is DriftKind.ROUTE
    return any(cause.loss == drift.loss and (anywhere or set(cause.settings) & set(drift.settings)) for cause in causes)


def _effect(kind: DriftKind, about: str, drifts: Sequence[Drift]) -> str:
    losses = named(drift.loss for drift in drifts)
    match kind:
        case DriftKind.MISSING:
            return f"{about} is no longer updated by {losses}"
        case DriftKind.UNEXPECTED:
            return f"{about} is now updated by {losses}, {drifts[0].reason}"
        case DriftKind.ROUTE:
            return f"the routes of {losses} change"
        case DriftKind.DERIVATIVE:
            return f"the gradient of {losses} at {about} is {drifts[0].found}"
        case DriftKind.STOP_GONE:
            return f"{about.removeprefix('a stop of ')} is no longer stopped for {losses}"
        case DriftKind.STOP_NEW:
            return f"{about.removeprefix('no stop of ')} is now stopped for {losses}"
        case DriftKind.STOP_GRAD:
            return f"the column Target of {losses}: documented {about}, measured {drifts[0].found}"
        case DriftKind.UNDECIDED:
            return f"{about} is undecided for {losses}: {drifts[0].reason}"
        case _:
            return f"{kind} of {losses}: {about}"
