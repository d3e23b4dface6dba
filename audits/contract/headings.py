"""What the columns of a table mean, by their headings: "Updates", "Trains" and "Primary parameters updated" are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from audits.contract.markdown import Table, TableLine
from audits.contract.prose import plain

DENIED = re.compile(
    r"\b(not|no|never|without|un(trained|changed|touched)|frozen|fixed|reads?|when|if|how often|every|longer)\b"
)
"""Words of a heading that make it mean something else than what is updated."""
MEANINGS: Mapping[str, Sequence[str]] = {
    "loss": (
        r"loss(es)?",
        r"loss(es)?\b.*(?<!weight)(?<!weights)",
        r".*\bloss (term|name|function)s?",
        r"(loss )?(term|objective|criterion|criteria)s?\b.*",
    ),
    "updates": (
        r"updates?",
        r".*\bupdat(es?|ed|ing)\b.*",
        r".*\b(trains?|trained|training|learns?|learned|moves?|moved|optimi[sz]e[sd]?|shapes?|tunes?)\b.*",
        r".*\bgradients?\b.*\b(to|into|reach(es)?|in|for|goes)\b.*",
        r".*\b(gets?|receives?|reached by|with)\b.*\bgradients?\b.*",
        r".*\b(modules?|parameters?|networks?)\b.*",
    ),
    "target": (r"target.*", r".*\b(stop-?grad|stop gradient|detach).*"),
    "gate": (r"(gates?|switch(es)?)\b.*", r"(settings?|flags?|options?|conditions?|when|if)\b.*"),
    "gains": (r"gains?", r"(also |then |now )+(updates|trains)\b.*|adds?\b.*|gained\b.*"),
    "loses": (r"loses?", r"(no longer|then not)\b.*|drops?\b.*|lost\b.*|(stops|ends) (updating|training)\b.*"),
    "weight": (r"(default )?weights?( \(.*\))?", r".*\bweights?\b.*"),
    "default": (r"defaults?\b.*", r"(value|setting)( by default)?"),
}
"""By meaning: patterns for the heading, in lower case, the surest first."""
GUARDED = ("updates",)
SURE = {"loss": 3, "updates": 2}
"""How many of the patterns need no support by what the cells hold; the others need half of the cells."""


@dataclass(frozen=True)
class Columns:
    """One table, and where in it what stands."""

    table: Table
    at: Mapping[str, int]

    def text(self, line: TableLine, column: str) -> str:
        """A cell; empty where the table has no such column."""
        return line.cells[self.at[column]].text if column in self.at and self.at[column] < len(line.cells) else ""


Fit = Callable[[int], float]
"""How well the cells of a column hold what they should, from 0 to 1."""


def flow_columns(table: Table, *, losses: Fit, modules: Fit) -> Columns | None:
    """A table of what each loss updates; among several columns that may mean it the one whose cells do."""
    at = _found(table, "updates", modules)
    at |= _found(table, "loss", losses, taken=at.values())
    return Columns(table, at | _found(table, "target", taken=at.values())) if len(at) == 2 else None


def effect_columns(table: Table) -> Columns | None:
    """A table of what a gate changes."""
    gate = _found(table, "gate")
    change = _found(table, "gains") | _found(table, "loses")
    losses = _found(table, "loss", taken=(*gate.values(), *change.values())).get("loss")
    return Columns(table, {**gate, "losses": losses, **change}) if gate and change and losses is not None else None


def columns_by_content(table: Table, *, losses: Fit, modules: Fit) -> Columns | None:
    """Of a table whose headings say nothing known: the columns whose cells all name losses, and all name modules."""
    width = range(len(table.header.cells))
    headings = _headings(table)
    loss = [at for at in width if losses(at) == 1.0]
    updates = [at for at in width if modules(at) == 1.0 and not DENIED.search(headings[at]) and at not in loss]
    return Columns(table, {"loss": loss[0], "updates": updates[0]}) if loss and len(updates) == 1 else None


def stated_column(table: Table, meaning: str) -> int | None:
    """The column of weights or of defaults."""
    return next(iter(_found(table, meaning).values()), None)


def _headings(table: Table) -> list[str]:
    return [plain(text).lower() for text in table.header.texts]


def _found(table: Table, meaning: str, fit: Fit | None = None, *, taken: Collection[int] = ()) -> dict[str, int]:
    """The column with this meaning, if there is one: the best fitting, of the surest heading, the first."""
    candidates = [
        (-(fit(at) if fit else 0.0), rank, at)
        for at, heading in enumerate(_headings(table))
        if at not in taken
        for rank in [_rank(heading, meaning)]
        if rank is not None and (fit is None or rank < SURE[meaning] or fit(at) >= 0.5)
    ]
    return {meaning: min(candidates)[2]} if candidates else {}


def _rank(heading: str, meaning: str) -> int | None:
    """The place of the first pattern that the heading is."""
    if meaning in GUARDED and DENIED.search(heading):
        return None
    return next((rank for rank, pattern in enumerate(MEANINGS[meaning]) if re.fullmatch(pattern, heading)), None)
