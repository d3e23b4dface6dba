"""Terms as text: equal texts mean equal routes, and a reader can tell what differs.

What is long is told by a digest, so that a text stays short however deep a recurrence is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from audits.routing.nodes import DataSource, Own, SourceKind, SourcePart, digest_of, identity
from audits.routing.selection import shown

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


def term_text(sources: Iterable[SourcePart]) -> str:
    """``predictor(encoder(x)) with sg(encoder(x_next))``"""
    parts = list(dict.fromkeys(sources))
    digest, draws = identity(parts)
    numbers = {draw: number for number, draw in enumerate(draws, 1)}

    def order(part: SourcePart) -> tuple[object, ...]:
        drawn = [numbers[draw] for draw in part.node.draws]
        return not part.node.live, part.node.kind is not SourceKind.CALL, part.node.digest, part.parts, drawn

    ordered = sorted(parts, key=order)
    texts = [_part(part, live=True) for part in ordered[:MANY]]
    if len(parts) > MANY:
        texts.append(f"{len(parts) - MANY} more #{digest[:DIGITS]}")
    if len(draws) > 1:  # which random numbers each one means
        told = "; ".join(",".join(str(numbers[draw]) for draw in part.node.draws) or "-" for part in ordered)
        texts.append(f"noise {told}" if len(told) <= LONG else f"noise #{digest_of(told)[:DIGITS]}")
    return " with ".join(texts)


def _part(part: SourcePart, *, live: bool) -> str:
    """`live`: gradient would come from what reads it, so that it is stopped here if it is not live."""
    text = _node(part.node) + "".join(map(shown, part.parts))
    return (
        f"sg({text})"
        if live and not part.node.live and part.node.kind in (SourceKind.CALL, SourceKind.WEIGHTS)
        else text
    )


def _node(node: DataSource) -> str:
    if node.kind is not SourceKind.CALL:
        return node.name
    for below in _unwritten(node):
        inside = ", ".join(_slots(below)) if len(below.slots) <= MANY else ""
        inside = inside if len(inside) <= LONG and (inside or not below.slots) else f"#{below.digest[:DIGITS]}"
        below.text = f"{OWN.get(below.own, '')}{below.name}({inside}){below.output}"
    return node.text


def _unwritten(node: DataSource) -> Iterator[DataSource]:
    """A call and those below it that have no text yet, the lowest first: a recurrence may be deeper than the stack."""
    stack = [node]
    while stack:
        last = stack[-1]
        waiting = [part.node for _, part in last.slots if part.node.kind is SourceKind.CALL and not part.node.text]
        if last.text or not waiting or len(last.slots) > MANY:
            stack.pop()
            if not last.text:
                yield last
        else:
            stack += waiting


def _slots(node: DataSource) -> Iterable[str]:
    by_slot: dict[str, list[SourcePart]] = {}
    for slot, inner in node.slots:
        by_slot.setdefault(slot, []).append(inner)
    for position, slot in enumerate(sorted(by_slot)):
        inner = by_slot[slot]
        texts = sorted(_part(part, live=node.live) for part in inner)
        yield " + ".join(texts) if slot == str(position) else f"{slot}: {' + '.join(texts)}"
