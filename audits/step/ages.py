"""How old a graph is: whether it goes on with what was computed before a step that is over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from audits.places import Place
from audits.recording.source_lines import HERE, STANDARD_LIBRARY, TORCH
from audits.step.events import UNPLACED

LEAF = 2**63
"""Nodes of leaves have the highest number there is."""
MOST = 200_000
FRAME = re.compile(r'File "(?P<file>.+?)", line (?P<line>\d+), in (?P<function>.+)\n?')
FOREIGN = (TORCH, HERE, STANDARD_LIBRARY, "<")


def sequence_now() -> int:
    """What autograd has counted: nodes that are made later have this number or a higher one."""
    with torch.enable_grad():
        node: Any = torch.zeros((), requires_grad=True).add(0).grad_fn
    return node._sequence_nr()


def leaves(root: Tensor) -> list[Tensor]:
    """The tensors that a backward call gives gradient."""
    nodes = {after for node in _nodes(root) for after, _ in node.next_functions if after is not None}
    found = (getattr(node, "variable", None) for node in nodes if node._sequence_nr() >= LEAF)
    return [leaf for leaf in found if isinstance(leaf, Tensor)]


def older_parts(root: Tensor, since: Mapping[int, int]) -> dict[int, Place]:
    """For which keys the graph has nodes from before their number, and where the newer part reads them.

    The place is known where the graph was made in torch's anomaly mode.
    """
    found: dict[int, Place] = {}
    if not since:
        return found
    newest = max(since.values())
    for consumer, node in _links(root):
        number = node._sequence_nr()
        if number >= newest:
            continue
        for key, boundary in since.items():
            if number < boundary <= consumer._sequence_nr() and (key not in found or not found[key].path):
                found[key] = _place(consumer)
    return found


def _links(root: Tensor) -> list[tuple[Any, Any]]:
    """Every pair of nodes, the second computed before the first; none of a leaf."""
    followers = ((node, after) for node in _nodes(root) for after, _ in node.next_functions)
    return [(node, after) for node, after in followers if after is not None and after._sequence_nr() < LEAF]


def _nodes(root: Tensor) -> list[Any]:
    """Every node of a graph, but those of leaves."""
    waiting: list[Any] = [root.grad_fn] if root.grad_fn is not None else []
    seen: dict[Any, None] = dict.fromkeys(waiting)
    while waiting and len(seen) < MOST:
        for after, _ in waiting.pop().next_functions:
            if after is not None and after not in seen and after._sequence_nr() < LEAF:
                seen[after] = None
                waiting.append(after)
    return list(seen)


def _place(node: Any) -> Place:
    """The innermost line of somebody's own source that made a node."""
    told = "".join(getattr(node, "metadata", {}).get("traceback_", ()))
    for found in reversed(list(FRAME.finditer(told))):
        if not found["file"].startswith(FOREIGN) or "site-packages" in found["file"].replace(TORCH, ""):
            return Place(found["file"], int(found["line"]), "", found["function"])
    return UNPLACED
