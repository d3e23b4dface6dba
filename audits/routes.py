"""For each gradient that nobody documented: the way it takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from audits.contract.compare import Comparison
from audits.drift import Drift, DriftKind
from audits.paths import Path, trace
from audits.result import Pair
from audits.target import Target


def with_routes(target: Target, comparison: Comparison) -> Comparison:
    """The same comparison, each unexpected gradient with a shortest path and the place where that begins.

    Runs the forward pass once more for each setting concerned.
    """
    settings = {flow.setting.label: flow.setting for flow in comparison.audit.flows}
    wanted: dict[str, list[Pair]] = defaultdict(list)
    for drift in comparison.drifts:
        if drift.kind is DriftKind.UNEXPECTED:
            wanted[drift.settings[0]].append((drift.loss, drift.module))
    found = {label: trace(target, settings[label], pairs) for label, pairs in wanted.items()}
    drifts = tuple(_routed(drift, found.get(drift.settings[0], {})) for drift in comparison.drifts)
    return replace(comparison, drifts=drifts)


def _routed(drift: Drift, paths: dict[Pair, Path]) -> Drift:
    path = paths.get((drift.loss, drift.module)) if drift.kind is DriftKind.UNEXPECTED else None
    if path is None:
        return drift
    return replace(drift, reason=f"by {path}", place=drift.place or next(iter(path.places), None))
