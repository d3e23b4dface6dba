"""For each gradient that nobody documented: the path that it takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from audits.contract.compare import Comparison
from audits.drift import Drift, DriftKind
from audits.paths import Path, trace
from audits.result import Pair
from audits.target import Target


def with_routes(target: Target, comparison: Comparison) -> Comparison:
    """The same comparison, with the path that each unexpected gradient takes.

    The reason of each drift of kind ``unexpected`` becomes a shortest path from the loss to the module, and its place
    the line where that path begins. The forward pass runs once more for each setting concerned.

    Args:
        target: The trainer that was audited.
        comparison: What `against` found.

    Returns:
        A comparison with the same drifts in the same order.

    Raises:
        AuditError: The forward pass failed.

    Examples:
        >>> with_routes(target, comparison).drifts[0].reason.startswith("by ")
        True
    """
    settings = {flow.setting.label: flow.setting for flow in comparison.audit.flows}
    wanted: dict[str, list[Pair]] = defaultdict(list)
    for drift in comparison.drifts:
        if drift.kind is DriftKind.UNEXPECTED:
            wanted[drift.settings[0]].append((drift.loss, drift.module))
    found = {label: trace(target, settings[label], pairs) for label, pairs in wanted.items()}
    drifts = tuple(_routed(drift, found.get("".join(drift.settings[:1]), {})) for drift in comparison.drifts)
    return replace(comparison, drifts=drifts)


def _routed(drift: Drift, paths: dict[Pair, Path]) -> Drift:
    path = paths.get((drift.loss, drift.module)) if drift.kind is DriftKind.UNEXPECTED else None
    if path is None:
        return drift
    return replace(drift, reason=f"by {path}", place=drift.place or next(iter(path.places), None))
