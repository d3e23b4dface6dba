"""A cell that names other things than before, and keeps its words, brackets and separators as far as they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from audits.contract.prose import EXCLUSIVE, Item, Lexicon, hidden, read_items

NONE = "—"
EXCLUDING = re.compile(rf"\s*(?<![\w.-])(?:{'|'.join(EXCLUSIVE)})(?![\w.-])", re.IGNORECASE)


def reworded(text: str, names: Sequence[str], lexicon: Lexicon, *, code: bool = False) -> str:
    """The cell `text`, naming `names` and nothing else.

    Items that stay keep their words and brackets; new ones join in the order of `names`, or follow where the cell has
    another order, in the style of the cell: in code spans if it has some, or if `code` and it names nothing yet. A cell
    with an item that cannot be read is written anew.
    """
    items = read_items(text, lexicon)
    if not items or any(item.name is None for item in items):
        return ", ".join(lexicon.written(name, code=code) for name in names) or NONE
    changed = {item.name for item in items} != set(names)
    parts = [(item.name or "", _kept(text, item, lexicon, changed=changed)) for item in items if item.name in names]
    order = [name for name, _ in parts]
    new = [name for name in names if name not in order]
    parts += [(name, lexicon.written(name, code="`" in text)) for name in new]
    if order == sorted(order, key=names.index):
        parts.sort(key=lambda part: names.index(part[0]))
    between = {item.name: text[before.end : item.start] for before, item in pairwise(items)}
    usual = next(iter(between.values()), ", ")
    rest = (f"{between.get(name, usual)}{part}" for name, part in parts[1:])
    return parts[0][1] + "".join(rest) if parts else NONE


def _kept(text: str, item: Item, lexicon: Lexicon, *, changed: bool) -> str:
    """The words of an item that stays, without "only" where others join or leave."""
    raw = text[item.start : item.end]
    return _without_exclusion(raw, lexicon) if changed else raw


def _without_exclusion(raw: str, lexicon: Lexicon) -> str:
    visible = hidden(raw, lexicon)
    for match in reversed(list(EXCLUDING.finditer(visible))):
        if match[0].strip() not in lexicon.names:
            raw = raw[: match.start()] + raw[match.end() :]
    return raw.strip()
