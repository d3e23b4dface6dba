"""Gradients that come through a kink of a few numbers, such as an absolute value: their sign may be that of noise.

Noise of that kind is a sign times a gradient of full size. Two measurements of it agree half of the time.
"""

from __future__ import annotations

import re
from typing import Any

from audits.forward import Forward
from audits.graph import entries
from audits.result import Pair

KINKS = re.compile(
    r"Abs|Sgn|\w*Relu|Threshold|Clamp|Hard|Softshrink|A?Max|A?Min|Where|Masked|Median|Kthvalue|Sort|Topk|Sqrt|Rsqrt|Pow"
    r"|Norm|LinalgVectorNorm|Hypot|Cdist|Std|Huber|SmoothL1|\w*MarginLoss"
)
"""How the names of nodes begin whose gradient jumps somewhere."""
FEW = 8
"""So many signs rarely agree by chance."""


def kinked(run: Forward) -> set[Pair]:
    """The pairs of loss and module with such a path between them."""
    nodes = {node for node in run.graph.nodes if KINKS.match(node.name()) and _takes_few(node)}
    found = run.graph.passing(nodes, [column.tensors for column in run.columns])
    return {(run.graph.losses[loss], run.columns[column].module) for loss, column in found}


def _takes_few(node: Any) -> bool:
    """Whether each of a node's inputs has few elements."""
    sizes = [entries(follower, output) for follower, output in node.next_functions if follower is not None]
    return bool(sizes) and max(sizes) <= FEW
