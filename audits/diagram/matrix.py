"""Losses x modules as a heat map: which loss holds how much of the gradient of a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.contract import Comparison
from audits.diagram.kinship import families
from audits.diagram.picture import Tone
from audits.diagram.survey import Survey
from audits.drift import DriftKind
from audits.formats import glyphs
from audits.legend import Legend
from audits.result import Status

WEAK, MIDDLING, STRONG = 0.1, 0.3, 0.6
"""Shares from which a field is drawn stronger."""


@dataclass(frozen=True)
class Field:
    """What one loss does to one module."""

    status: Status | None
    """None: the loss is not in the picture, but in the one that it is compared with."""
    share: float | None = None
    """Part of the module's gradient that the loss holds at its weight; None where it has none, or no weight."""
    tone: Tone = Tone.PLAIN
    hint: str = ""

    @property
    def strength(self) -> int | None:
        """0 to 3; None: it does not update the module."""
        if self.status is None or not self.status.updates:
            return None
        return sum((self.share or 0) >= limit for limit in (WEAK, MIDDLING, STRONG))

    @property
    def percent(self) -> str:
        """``12``; ``<1`` for what would be rounded to nothing; empty without a share."""
        if not self.share or self.status is not Status.LIVE:
            return ""
        return f"{self.share * 100:.0f}" if self.share >= 0.005 else "<1"

    @property
    def sign(self) -> str:
        return {Tone.ADDED: "+", Tone.REMOVED: "−"}.get(self.tone, "")


@dataclass(frozen=True)
class Matrix:
    title: str
    losses: tuple[str, ...]
    modules: tuple[str, ...]
    fields: Mapping[tuple[str, str], Field]
    families: Mapping[str, tuple[str, ...]]
    """Losses that share a colour, those that are not in the matrix too."""
    roles: Mapping[str, tuple[str, ...]]
    """Modules by what they are there for, those in no role under an empty name."""
    statuses: tuple[Status, ...]
    """Those that occur."""
    notes: tuple[str, ...] = ()


def matrix(
    survey: Survey,
    legend: Legend,
    *,
    title: str,
    other: Survey | None = None,
    comparison: Comparison | None = None,
    notes: Sequence[str] = (),
) -> Matrix:
    """The heat map of a setting; beside `other`, or beside the document of a `comparison`, with what differs marked."""
    shown = [loss for loss in survey.known if loss in survey.losses or (other and loss in other.losses)]
    by_family = families(legend, survey.known)
    losses = tuple(loss for members in by_family.values() for loss in members if loss in shown)
    claims = _claims(survey, comparison)
    fields = {
        (loss, module): _field(survey, other, claims, loss, module) for loss in losses for module in survey.modules
    }
    cells = (cell for each in (survey, other) if each for cell in each.flow.cells.values())
    occurring = {cell.status for cell in cells}
    return Matrix(
        title=title,
        losses=losses,
        modules=tuple(module for members in _roles(survey, legend).values() for module in members),
        fields=fields,
        families=by_family,
        roles=_roles(survey, legend),
        statuses=tuple(status for status in glyphs.UNICODE if status in occurring),
        notes=tuple(notes),
    )


def _roles(survey: Survey, legend: Legend) -> dict[str, tuple[str, ...]]:
    known = {module for modules in legend.roles.values() for module in modules}
    rest = tuple(module for module in survey.modules if module not in known)
    found = {role: tuple(m for m in survey.modules if m in modules) for role, modules in legend.roles.items()}
    return {role: modules for role, modules in (found | {"": rest}).items() if modules}


def _claims(survey: Survey, comparison: Comparison | None) -> dict[tuple[str, str], Tone]:
    tones = {DriftKind.UNEXPECTED: Tone.UNDOCUMENTED, DriftKind.MISSING: Tone.UNMEASURED}
    here = survey.flow.setting.label
    drifts = comparison.drifts if comparison else ()
    return {(d.loss, d.module): tones[d.kind] for d in drifts if d.kind in tones and here in d.settings}


def _field(
    survey: Survey, other: Survey | None, claims: Mapping[tuple[str, str], Tone], loss: str, module: str
) -> Field:
    cell, before = (each.flow.cells.get((loss, module)) if each else None for each in (survey, other))
    updates, updated = (bool(each and each.status.updates) for each in (cell, before))
    tone = claims.get((loss, module), Tone.PLAIN)
    if other and updates != updated:
        tone = Tone.ADDED if updates else Tone.REMOVED
    shown = before if tone is Tone.REMOVED else cell
    if shown is None:
        return Field(None, hint=f"{loss} is not enabled")
    share = shown.share if shown.status is Status.LIVE else None
    what = tone if tone in (Tone.ADDED, Tone.REMOVED) else f"{shown.status} {shown.reason}".rstrip()
    return Field(shown.status, share, tone, f"{loss}: {module}: {what}")
