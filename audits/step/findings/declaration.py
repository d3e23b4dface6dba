"""How a finding is declared, and all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from audits.remark import Remark
from audits.remarks import listed
from audits.step.seen import SeenSteps

Finder = Callable[[SeenSteps], Iterable[Remark]]

FILES = ("graphs", "optimizers", "leftovers", "drifting", "objective", "wrappers")
"""Where they are declared, the gravest first."""
NOTHING_MOVES = "nothing moves"
FINDERS: dict[str, Finder] = {}


def finding(kind: str) -> Callable[[Finder], Finder]:
    """Declare a finding of this name."""

    def declare(find: Finder) -> Finder:
        FINDERS[kind] = find
        return find

    return declare


def findings(seen: SeenSteps) -> list[Remark]:
    """Everything that is wrong with the steps that were seen. That nothing moves is told where nothing else is."""
    for file in FILES:
        import_module(f"audits.step.findings.{file}")
    found = [remark for find in FINDERS.values() for remark in find(seen)]
    return [remark for remark in found if remark.kind != NOTHING_MOVES or len(found) == 1]


def about(seen: SeenSteps, numbers: Iterable[int]) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Some parameters by column: the column, their names, and what to call them in a sentence."""
    for column, members in seen.by_column(numbers):
        names = tuple(seen.called(number) for number in members)
        if column and len(members) == len(seen.parameters[column]):
            yield column, names, column
        else:
            yield column, names, listed(dict.fromkeys(names))


def verb(names: tuple[str, ...], text: str, one: str, several: str) -> str:
    """The verb that goes with a text that stands for some parameters."""
    return several if len(names) > 1 and text == listed(dict.fromkeys(names)) else one
