"""A flow that stands in a list instead of a table: ``- jepa -> predictor, h_to_z``, "* z2h trains z_to_h only"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from audits.contract.headings import Columns
from audits.contract.markdown import BULLET, Table, TableCell, TableLine, visible_lines
from audits.contract.prose import DASHES, Lexicon, read_items

VERB = r"(?:also |only )?(?:updates?|trains?|moves?|reaches|shapes|gradient (?:to|into|reaches|goes to))\b"
POINTS = re.compile(rf"\s*(?:(?:->|→|=>|⇒|:|\s[—–]\s)\s*(?:{VERB})?|\b{VERB}):?\s*", re.IGNORECASE)
END = re.compile(r"\.(?:\s|$)|\s[—–#]\s|$")
"""Where the modules end, and a remark begins."""


def flow_list(lines: Sequence[str], losses: Lexicon, modules: Lexicon) -> Columns | None:
    """The items of lists that name losses, and then modules, as a table of two columns; None where there are none."""
    rows = []
    for number, (line, visible) in enumerate(zip(lines, visible_lines(lines), strict=True), start=1):
        bullet = BULLET.match(line)
        if visible and bullet and (cells := _cells(line, bullet.end(), losses, modules)):
            rows.append(TableLine(number, cells))
    if not rows:
        return None
    head = TableLine(rows[0].number, rows[0].cells)
    return Columns(Table(head, head, tuple(rows), listed=True), {"loss": 0, "updates": 1})


def _cells(line: str, start: int, losses: Lexicon, modules: Lexicon) -> tuple[TableCell, ...]:
    """Where the losses and the modules stand; nothing where a line says something else."""
    for points in POINTS.finditer(line, start):
        first = _cell(line, start, points.start())
        end = END.search(line, points.end())
        second = _cell(line, points.end(), end.start() if end else len(line))
        if _names(first.text, losses) and (_names(second.text, modules) or second.text in (*DASHES[1:], "none")):
            return first, second
    return ()


def _names(text: str, lexicon: Lexicon) -> bool:
    """Whether a text holds names and nothing else."""
    items = read_items(text, lexicon)
    return bool(items) and all(item.name is not None for item in items)


def _cell(line: str, start: int, end: int) -> TableCell:
    text = line[start:end]
    start += len(text) - len(text.lstrip())
    end = start + len(text.strip())
    return TableCell(start, end, line[start:end])
