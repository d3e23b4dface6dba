"""Conditions on gates, as a cell has them: ``detach_decoder=True and pose_delta_detach_h=False``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from audits.contract.effects import Conditions
from audits.contract.prose import PARENTHESES, plain
from audits.contract.quoting import as_code, code_spans, unquoted
from audits.errors import nearest

Pair = tuple[str, str]

SEPARATORS = re.compile(r"(?:[\s,;+&.]|\band\b)+", re.IGNORECASE)
SUPPOSED = re.compile(
    r"[\s,]*\(?\s*(?:(?:but|also|only|just)\s+)*\b(?P<word>if|when|where|with|at|unless)\s+(?P<conditions>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
ANY_CONDITION = re.compile(r"([\w.-]+)\s*=+\s*(.*?)(?=(?:[\s,;+&]|\band\b)*(?:[\w.-]+\s*=|$))", re.IGNORECASE)


def read_conditions(text: str, gates: Mapping[str, Sequence[Any]]) -> tuple[Conditions, list[str]]:
    """The conditions of a cell, unknown ones as they stand there, and a sentence for each thing that is wrong."""
    quoted, text = _quoted(text, gates)
    known, rest = _known(plain(text), gates)
    known |= quoted
    unknown = {(match[1], match[2].strip()) for match in ANY_CONDITION.finditer(rest)}
    problems = [_problem(*pair, gates) for pair in sorted(unknown)]
    left = SEPARATORS.sub(" ", PARENTHESES.sub(" ", ANY_CONDITION.sub(" ", rest))).strip()
    if left or not (known or unknown):
        example = next((f"{name}={values[-1]}" for name, values in gates.items()), "name=value")
        problems.append(f"expected a gate with its value, such as {example}, found {left!r}")
    problems += [f"gate {name!r} has two values" for name in _twice(known | unknown)]
    return frozenset(known | unknown), problems


class Supposition(NamedTuple):
    """What a text says that holds at some gates only."""

    text: str
    by_default: bool
    """Whether it holds at the defaults."""


def read_supposition(text: str, gates: Mapping[str, Sequence[Any]]) -> Supposition | None:
    """``encoder only if gate=False``, "encoder (unless `gate=True`)"; None for what holds always."""
    match = SUPPOSED.search(text)
    if not match or not gates:
        return None
    conditions, problems = read_conditions(match["conditions"].strip().removesuffix(")"), gates)
    if problems:
        return None
    holds = all(value == str(gates[name][0]) for name, value in conditions)
    return Supposition(text[: match.start()], holds is (match["word"].lower() != "unless"))


def conditions_text(conditions: Conditions, order: Iterable[str]) -> str:
    """For a cell: ``a=True, b=False`` in the order of the gates."""
    return ", ".join(as_code(f"{name}={value}") for gate in order for name, value in conditions if name == gate)


def _quoted(text: str, gates: Mapping[str, Sequence[Any]]) -> tuple[set[Pair], str]:
    """The conditions that stand in code spans of their own, letter by letter, and the text without them."""
    pairs = {f"{name}={value}": (name, str(value)) for name in gates for value in gates[name]}
    found = set()
    for start, end, content in reversed(code_spans(text)):
        if (condition := unquoted(content, pairs)) is not None:
            found.add(pairs[condition])
            text = f"{text[:start]} {text[end:]}"
    return found, text


def _known(text: str, gates: Mapping[str, Sequence[Any]]) -> tuple[set[Pair], str]:
    """Each gate that has one of its values, and the text without them. A value may hold any characters."""
    found = set()
    pairs = sorted(((name, str(value)) for name in gates for value in gates[name]), key=_longest_first)
    for letters in ("{}", "(?i:{})"):
        for name, value in pairs:
            condition = (
                rf"(?<![\w-])(?:\w+\.)*{re.escape(name)}\s*=+\s*{letters.format(re.escape(value))}(?![\w=]|[.+-]\w)"
            )
            shorter = re.sub(condition, " ", text)
            found |= {(name, value)} if shorter != text else set()
            text = shorter
    return found, text


def _longest_first(pair: Pair) -> int:
    return -len(pair[1])


def _twice(pairs: Collection[Pair]) -> list[str]:
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})


def _problem(name: str, value: str, gates: Mapping[str, Sequence[Any]]) -> str:
    if name not in gates:
        return f"unknown gate {name!r}: {nearest(name, gates)}"
    return f"unknown value {value!r} of gate {name!r}: {nearest(value, map(str, gates[name]))}"
