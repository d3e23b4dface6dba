"""Which of the losses that a step returned are in which backward call, and with which weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audits.step.events import BackwardCall


def name_losses(backwards: Iterable[BackwardCall], nodes: Mapping[str, Any]) -> None:
    """Give each backward call the losses whose node it passed. A sum of others is named by them."""
    for backward in backwards:
        if backward.names:
            continue
        found = {name: _weight(backward, node) for name, node in nodes.items() if node in backward.weights}
        parts: dict[str, float | None] = {
            name: weight for name, weight in found.items() if not _is_a_sum(name, found, nodes)
        }
        backward.names = parts or dict(found)


def finish_names(backwards: Sequence[BackwardCall]) -> None:
    """A backward call without a known loss has those of another one at its line, as in an inner loop: of one that was
    reached on the same way, if there is one, since a library sends much backward in one line of its caller.

    Where there is none, it goes by the expression that goes backward.
    """
    named = [backward for backward in backwards if backward.names and backward.place.line]
    at_site = {backward.site: backward.names for backward in named}
    at_line = {(backward.site[:1], str(backward.place)): backward.names for backward in named}
    for backward in backwards:
        known = at_site.get(backward.site) or at_line.get((backward.site[:1], str(backward.place)))
        backward.names = backward.names or dict(known or {backward.text or "a loss": None})


def _weight(backward: BackwardCall, node: Any) -> float:
    return float(f"{float(backward.weights[node]) / float(backward.scale or 1.0):.6g}")


def _is_a_sum(name: str, found: Mapping[str, object], nodes: Mapping[str, Any]) -> bool:
    """Whether a loss is computed from another one that was found too."""
    others = {nodes[other] for other in found if nodes[other] is not nodes[name]}
    waiting, seen = [nodes[name]], set()
    while waiting and len(seen) < 200:
        node = waiting.pop()
        for after, _ in node.next_functions:
            if after in others:
                return True
            if after is not None and after not in seen:
                seen.add(after)
                waiting.append(after)
    return False
