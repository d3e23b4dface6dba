"""Terms as text: equal texts mean equal routes, and a reader can tell what differs.

What is long is told by a digest, so that a text stays short however deep a recurrence is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from audits.routing.nodes import Nodes, digest_of
from audits.routing.selection import shown
from audits.routing.sources import DataSource, Own, SourceKind, SourcePart

LONG = 72
"""Characters of a source that are written out."""
MANY = 4
"""Sources in one place that are written out."""
LINES = 8
"""Terms of one loss that are written out."""
DIGITS = 8
OWN = {Own.STOPPED: "frozen ", Own.SOME: "partly frozen "}


def shortened(lines: Iterable[str]) -> tuple[str, ...]:
    """A line for each term, sorted; of very many the first, and a digest of all."""
    times = Counter(lines)  # of terms that differ in their random numbers alone
    lines = sorted(f"{line}, {times[line]} times" if times[line] > 1 else line for line in times)
    if len(lines) <= LINES:
        return tuple(lines)
    return *lines[: LINES - 1], f"{len(lines) - LINES + 1} more #{digest_of(*lines)[:DIGITS]}"


class Texts:
    """Writes the terms of one pass."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def term(self, those: int) -> str:
        """``predictor(encoder(x)) with sg(encoder(x_next))``"""
        parts = self._nodes.parts(those)
        digest, draws = self._nodes.term(those)
        numbers = {draw: number for number, draw in enumerate(draws, 1)}

        def order(part: SourcePart) -> tuple[object, ...]:
            drawn = [numbers.get(draw, 0) for draw in part.node.draws]
            return not part.node.live, part.node.kind is not SourceKind.CALL, part.node.digest, part.parts, drawn

        ordered = sorted(parts, key=order)
        texts = [self._part(part, live=True) for part in ordered[:MANY]]
        if len(parts) > MANY:
            texts.append(f"{len(parts) - MANY} more #{digest[:DIGITS]}")
        if len(draws) > 1:  # which random numbers each one means
            told = "; ".join(",".join(str(numbers[draw]) for draw in part.node.draws) or "-" for part in ordered)
            texts.append(f"noise {told}" if len(told) <= LONG else f"noise #{digest_of(told)[:DIGITS]}")
        return " with ".join(texts)

    def _part(self, part: SourcePart, *, live: bool) -> str:
        """`live`: gradient would come from what reads it, so that it is stopped here if it is not live."""
        text = self._node(part.node) + "".join(map(shown, part.parts))
        return (
            f"sg({text})"
            if live and not part.node.live and part.node.kind in (SourceKind.CALL, SourceKind.WEIGHTS)
            else text
        )

    def _node(self, node: DataSource) -> str:
        if node.kind is not SourceKind.CALL:
            return node.name
        for below in self._unwritten(node):
            count = _count(below)
            inside = ", ".join(self._slots(below)) if count <= MANY else ""
            inside = inside if len(inside) <= LONG and (inside or not count) else f"#{below.digest[:DIGITS]}"
            below.text = f"{OWN.get(below.own, '')}{below.name}({inside}){below.output}"
        return node.text

    def _unwritten(self, node: DataSource) -> Iterator[DataSource]:
        """A call and those below it that have no text yet, the lowest first: a recurrence may be deeper than the
        stack."""
        stack = [node]
        while stack:
            last = stack[-1]
            waiting = self._waiting(last) if not last.text and _count(last) <= MANY else []
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if not last.text:
                yield last

    def _waiting(self, node: DataSource) -> list[DataSource]:
        below = (part.node for those in node.slots.values() for part in self._nodes.parts(those))
        return [each for each in below if each.kind is SourceKind.CALL and not each.text]

    def _slots(self, node: DataSource) -> Iterable[str]:
        for position, slot in enumerate(sorted(node.slots)):
            texts = sorted(self._part(part, live=node.live) for part in self._nodes.parts(node.slots[slot]))
            yield " + ".join(texts) if slot == str(position) else f"{slot}: {' + '.join(texts)}"


def _count(node: DataSource) -> int:
    """How many sources a call reads."""
    return sum(those.bit_count() for those in node.slots.values())
