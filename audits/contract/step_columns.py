"""Which tables of a document are about steps, by their headings."""

from __future__ import annotations

import re

from audits.contract.headings import Columns
from audits.contract.markdown import Table
from audits.contract.prose import plain

OPTIMIZER = re.compile(r"(steps? of|optimi[sz]ers?)\b.*")
MOVES = re.compile(r"(what )?(it )?(moves?|moved|steps?)( modules?)?")
BY = re.compile(r"(by\b.*|loss(es)?|gradients?( of)?)")


def step_columns(table: Table) -> Columns | None:
    """The columns of a table of steps: its first one names optimizers, another one what they move."""
    headings = [plain(text).lower() for text in table.header.texts]
    if not OPTIMIZER.fullmatch(headings[0]):
        return None
    found = {"optimizer": 0}
    for name, pattern in (("moves", MOVES), ("by", BY)):
        at = next((at for at, heading in enumerate(headings) if at and pattern.fullmatch(heading)), None)
        found |= {name: at} if at is not None else {}
    return Columns(table, found) if "moves" in found else None
