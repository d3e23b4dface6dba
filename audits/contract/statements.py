"""Weights and defaults that a document states: ``jepa = 1.0``, "off (weight = 0): recon", "`gate` (default True)"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from audits.contract.headings import stated_column
from audits.contract.markdown import BULLET, HEADING, Table, TableLine, find_tables, visible_lines
from audits.contract.prose import losses_of, read_items

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w%]|\.\d)"
MARK = r"[`*\"']*"
BECOMES = r"\s*(?:==?|:=|:|->|→|\bis\b|\bdefaults to\b)\s*"
CONDITIONAL = re.compile(r"\b(when|if|once|what|edit\w*|chang\w*|variants?|ablat\w*|experiment\w*|example\w*)\b", re.I)
"""Words of a heading below which an assignment is a supposition."""
OFF = re.compile(r"^\W*off\b|\b(disabled|inactive|unused|(are|is|switched|turned) off|off by default)\b", re.I)
ON = re.compile(r"^\W*on\b|\b(enabled|active|(are|is|switched|turned) on|on by default)\b", re.I)
ABOUT_LOSSES = re.compile(r"\b(loss(es)?|weights?|terms?|objectives?|default)\b", re.I)
WEIGHT = re.compile(rf"\bweights?\b{MARK}\s*(?:=|:|is|are|of)?\s*{MARK}({NUMBER})", re.I)
BRACKETED_WEIGHT = re.compile(rf"\([^()]*{WEIGHT.pattern}", re.I)
EXPLAINED = re.compile(rf"{MARK}\s*(?:$|[(—–#;,.:/-])")
"""What may follow an assignment that stands for itself: nothing, or an explanation."""
FURTHER = re.compile(rf"{MARK}\s*(?:[,;&]|and\b)\s*(?:and\b)?\s*")
POSITIVE = "more than 0"


@dataclass(frozen=True)
class Statement:
    """One weight or default that a line states."""

    line: int
    """From 1."""
    name: str
    """Of the loss or the gate."""
    value: str
    """As it stands there; ``more than 0`` for a loss that is called enabled."""
    of_gate: bool = False
    span: tuple[int, int] | None = None
    """Where in the line the value stands, if it stands there for this name alone, or, in a list, where it could."""
    of_list: bool = False
    """Whether the value is that of all names of a list."""
    default: bool = False
    """Whether the document calls it the default."""


@dataclass(frozen=True)
class Names:
    """The losses and gates that statements are about."""

    losses: Collection[str]
    gates: Mapping[str, Sequence[Any]]

    @cached_property
    def assignment(self) -> re.Pattern[str]:
        """``TrainConfig.detach = True``, "**jepa**: 1.0", "jepa (weight 1.0)"."""
        said = r"\s*[(,]?\s*(?:has |with )?(?:the |a |default )?weight\W*"
        weight = rf"(?P<loss>{_any(self.losses)}){MARK}(?:{BECOMES}(?:weight\s*)?|{said})"
        gate = rf"(?P<gate>{_any(self.gates)}){MARK}{BECOMES}"
        prefix = rf"{MARK}(?:[\w.]+\.)?"
        return re.compile(
            rf"{prefix}(?:{weight}{MARK}(?P<weight>{NUMBER})\)?|{gate}{MARK}(?P<value>[\w.+-]*\w))", re.IGNORECASE
        )

    @cached_property
    def default(self) -> re.Pattern[str]:
        """``gate`` (default True), "by default `gate` is True", ``gate=True`` (the default)."""
        names = _any([*self.losses, *self.gates])
        defaults = r"\s*[(,:—–]?\s*(?:default(?:s to)?|by default)\s*(?:is|:|=)?\s*"

        def name(n: int) -> str:
            return rf"{MARK}(?:[\w.]+\.)?(?P<name{n}>{names}){MARK}"

        def value(n: int) -> str:
            return rf"{MARK}(?P<value{n}>{NUMBER}|\w+){MARK}"

        kinds = (
            rf"{name(0)}(?:\s*=\s*\w+{MARK})?{defaults}{value(0)}",
            rf"{name(1)}\s*(?:=|is|:)\s*{value(1)}\s*[(,]?\s*(?:the |by )?default\b"
            rf"(?!\s*(?:to|is|[:=])?\s*{MARK}\d)(?!\s*(?:to|is|[:=])\s*{MARK}\w)",
            rf"\bby default,?\s+{name(2)}\s*(?:=|is)\s*{value(2)}",
        )
        return re.compile("|".join(kinds), re.IGNORECASE)

    def known(self, name: str) -> str | None:
        """A name in whatever letters, if it is one."""
        return next((one for one in (*self.losses, *self.gates) if one.lower() == name.lower()), None)


@dataclass
class _Section:
    """Where a line stands: below which heading, and in which list."""

    heading: str = ""
    group: str | None = None
    """The weight that the losses of the list below a line are said to have."""
    found: list[Statement] = field(default_factory=list)


def read_statements(text: str, losses: Collection[str], gates: Mapping[str, Sequence[Any]]) -> list[Statement]:
    """Every statement, in the order of the lines. Suppositions ("if `gate=True`") are none."""
    if not losses and not gates:
        return []
    names, lines = Names(tuple(losses), gates), text.split("\n")
    tables = find_tables(lines)
    tabled = {line.number for table in tables for line in (table.header, table.delimiter, *table.rows)}
    section = _Section()
    for number, (line, visible) in enumerate(zip(lines, visible_lines(lines), strict=True), start=1):
        if visible and number not in tabled:
            _read_line(number, line.rstrip("\r"), names, section)
    found = [*section.found, *(one for table in tables for one in _of_table(table, names))]
    return sorted(_unambiguous(found), key=lambda one: one.line)


def _read_line(number: int, line: str, names: Names, section: _Section) -> None:
    if heading := HEADING.match(line):
        section.heading, section.group = line[heading.end() :], _group(line[heading.end() :])
        return
    bullet = BULLET.match(line)
    if not line.strip():
        return
    start = bullet.end() if bullet else len(line) - len(line.lstrip())
    found = list(_defaults(number, line, names)) or list(_assignments(number, line, start, names, section))
    if bullet and section.group is not None:
        listed = _listed(number, re.split(r":|\s[—–-]\s", line[start:])[0], start, names, section.group)
        found = listed if len(listed) > len(found) else found
    if not found:
        intro, colon, rest = line[start:].partition(":")
        weight = _group(intro) if colon and not CONDITIONAL.search(section.heading) else None
        if weight is not None:
            section.group = weight
            found = _listed(number, rest, len(line) - len(rest), names, weight)
        elif not line.startswith((" ", "\t")) and not bullet:
            section.group = None
    section.found += found


def _assignments(number: int, line: str, start: int, names: Names, section: _Section) -> Iterator[Statement]:
    """Those with which a line begins, if what follows leaves them standing."""
    found, at = [], start
    while match := names.assignment.match(line, at):
        found.append(match)
        at = match.end()
        further = FURTHER.match(line, at)
        if not (further and names.assignment.match(line, further.end())):
            break
        at = further.end()
    if not found or not EXPLAINED.match(line, found[-1].end()):
        return
    alone = not line[found[-1].end() :].strip(" `*.,;)")
    says_default = bool(re.search(r"\bdefaults?\b", f"{section.heading} {line[start:]}", re.I))
    for match in found:
        kind, value = ("gate", "value") if match["gate"] else ("loss", "weight")
        supposed = CONDITIONAL.search(section.heading) or (kind == "gate" and not alone and not says_default)
        if not supposed or says_default:
            name = names.known(match[kind])
            if name is not None:
                yield Statement(number, name, match[value], kind == "gate", match.span(value), says_default)


def _defaults(number: int, line: str, names: Names) -> Iterator[Statement]:
    """Those in a sentence that calls them the default."""
    for match in names.default.finditer(line):
        n = next(n for n in range(3) if match[f"name{n}"])
        name, value = names.known(match[f"name{n}"]), match[f"value{n}"]
        of_gate = name in names.gates
        if name is not None and (_is_value(value, names.gates[name]) if of_gate else re.fullmatch(NUMBER, value)):
            yield Statement(number, name, value, of_gate, match.span(f"value{n}"), default=True)


def _group(intro: str) -> str | None:
    """The weight that a line gives to the losses that follow."""
    if CONDITIONAL.search(intro):
        return None
    if weight := WEIGHT.search(intro):
        return weight[1]
    if not ABOUT_LOSSES.search(intro):
        return None
    return "0" if OFF.search(intro) else POSITIVE if ON.search(intro) else None


def _listed(number: int, text: str, start: int, names: Names, weight: str) -> list[Statement]:
    """The losses of a list that begins at `start` of a line, each with the weight of the list or one in brackets."""
    found = []
    for item in read_items(text, losses_of(names.losses)):
        if item.name is None:
            continue
        raw = text[item.start : item.end].rstrip(".:")
        at, bracketed = start + item.start, BRACKETED_WEIGHT.search(raw)
        end = at + len(raw)
        if bracketed:
            span = (at + bracketed.start(1), at + bracketed.end(1))
            found.append(Statement(number, item.name, bracketed[1], span=span))
        else:
            found.append(Statement(number, item.name, weight, span=(end, end), of_list=True))
    return found


def _of_table(table: Table, names: Names) -> Iterator[Statement]:
    """A column of weights of losses, or of defaults of gates."""
    for meaning, known, of_gate in (("weight", tuple(names.losses), False), ("default", tuple(names.gates), True)):
        column = stated_column(table, meaning)
        if column is not None and known:
            for line in table.rows:
                yield from _of_row(line, column, known, of_gate=of_gate)


def _of_row(line: TableLine, column: int, known: tuple[str, ...], *, of_gate: bool) -> Iterator[Statement]:
    if len(line.cells) <= column:
        return
    cell = line.cells[column]
    value = re.fullmatch(rf"\s*{MARK}({NUMBER if not of_gate else r'[^`*]+?'}){MARK}\s*", cell.raw)
    others = (other.text for at, other in enumerate(line.cells) if at != column)
    named = next((names for names in (_only_names(text, known) for text in others) if names), [])
    if value is None:
        return
    span = (cell.start + value.start(1), cell.start + value.end(1)) if len(named) == 1 else None
    for name in named:
        yield Statement(line.number, name, value[1], of_gate, span, default=True)


def _only_names(text: str, known: tuple[str, ...]) -> list[str]:
    """The names in a cell, if it holds nothing else."""
    items = read_items(text, losses_of(known))
    found = [item.name for item in items if item.name is not None]
    return found if len(found) == len(items) else []


def _unambiguous(found: Iterable[Statement]) -> list[Statement]:
    """Without gates to which a document gives several values, none of them called the default."""
    found = list(found)
    values: dict[str, set[str]] = {}
    for one in found:
        if one.of_gate and not one.default:
            values.setdefault(one.name, set()).add(one.value.lower())
    settled = {one.name for one in found if one.of_gate and one.default}
    return [
        one
        for one in found
        if not one.of_gate or one.default or (one.name not in settled and len(values[one.name]) == 1)
    ]


def _is_value(text: str, values: Sequence[Any]) -> bool:
    return any(same_value(text, value) for value in values)


SWITCH = {"on": True, "yes": True, "enabled": True, "off": False, "no": False, "disabled": False}


def same_value(text: str, value: Any) -> bool:
    """Whether a text is a gate's value, in whatever letters, or "on" or "off"."""
    return text.lower() == str(value).lower() or (isinstance(value, bool) and SWITCH.get(text.lower()) is value)


def _any(names: Iterable[str]) -> str:
    """A pattern for one of these names, not a part of a longer one."""
    ordered = sorted(names, key=len, reverse=True)
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, ordered))})(?![\w-])" if ordered else "(?!)"
