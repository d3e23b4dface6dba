"""Conditions on gates, as a cell has them: ``detach_decoder=True and pose_delta_detach_h=False``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from audits.contract.effects import Conditions
from audits.contract.prose import PARENTHESES, plain
from audits.errors import nearest

Pair = tuple[str, str]

SEPARATORS = re.compile(r"(?:[\s,;+&.]|\band\b)+", re.IGNORECASE)
ANY_CONDITION = re.compile(r"([\w.-]+)\s*=+\s*(.*?)(?=(?:[\s,;+&]|\band\b)*(?:[\w.-]+\s*=|$))", re.IGNORECASE)


def read_conditions(text: str, gates: Mapping[str, Sequence[Any]]) -> tuple[Conditions, list[str]]:
    """The conditions of a cell, unknown ones as they stand there, and a sentence for each thing that is wrong."""
    known, rest = _known(plain(text), gates)
    unknown = {(match[1], match[2].strip()) for match in ANY_CONDITION.finditer(rest)}
    problems = [_problem(*pair, gates) for pair in sorted(unknown)]
    left = SEPARATORS.sub(" ", PARENTHESES.sub(" ", ANY_CONDITION.sub(" ", rest))).strip()
    if left or not (known or unknown):
        example = next((f"{name}={values[-1]}" for name, values in gates.items()), "name=value")
        problems.append(f"expected a gate with its value, such as {example}, found {left!r}")
    problems += [f"gate {name!r} has two values" for name in _twice(known | unknown)]
    return frozenset(known | unknown), problems


def conditions_text(conditions: Conditions, order: Iterable[str]) -> str:
    """For a cell: ``a=True, b=False`` in the order of the gates."""
    return ", ".join(f"`{name}={value}`" for gate in order for name, value in conditions if name == gate)


def _known(text: str, gates: Mapping[str, Sequence[Any]]) -> tuple[set[Pair], str]:
    """Each gate that has one of its values, and the text without them. A value may hold any characters."""
    found = set()
    pairs = sorted(((name, str(value)) for name in gates for value in gates[name]), key=_longest_first)
    for letters in ("{}", "(?i:{})"):
        for name, value in pairs:
            condition = rf"(?<![\w.-]){re.escape(name)}\s*=+\s*{letters.format(re.escape(value))}(?![\w=]|[.+-]\w)"
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
