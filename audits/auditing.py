"""The audit: each setting in turn, each loss alone, each cell decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from audits.deciding import Cells, Decision
from audits.errors import AuditError
from audits.looking import look
from audits.result import Audit, Flow
from audits.sources import Sources
from audits.switches import name_switches
from audits.target import DEFAULT, Target

Progress = Callable[[int, int], None]


def audit(
    target: Target,
    *,
    settings: str | Iterable[Mapping[str, Any]] = DEFAULT,
    losses: Collection[str] | None = None,
    cosines: bool = False,
    on_progress: Progress | None = None,
) -> Audit:
    """Which loss updates which module, at each asked setting of the switches.

    `settings` is "default", "all" (every combination), or a list of values for some switches. `losses` are the names to
    audit, by default all. `cosines` also compares the gradients of each pair of losses. `on_progress` is told how many
    settings are done, of how many. Parameters, buffers, gradients, modes and random generators are as before.

    Raises AuditError when the target cannot be audited: a loss that is no finite scalar or not in the graph, an unknown
    name.
    """
    chosen = target.settings(settings)
    sources = Sources(target.helpers, target.locate)
    flows, called, notes, known, routed_by_chance = [], {}, dict[str, None](), dict[str, None](), False
    for done, setting in enumerate(chosen):
        if on_progress:
            on_progress(done, len(chosen))
        seen = look(target, setting, losses, sources, cosines=cosines, seeds=routed_by_chance or not flows)
        routed_by_chance |= bool(seen.late)
        cells, remarks = Decision(target, setting, seen.low).decide(seen.cells, seen.late)
        cells = _with_shares(cells, target.weights)
        flows.append(Flow(setting, cells, seen.stops, seen.cosines, frozenset(seen.called)))
        called[setting.label] = seen.called
        notes |= dict.fromkeys((*seen.notes, *remarks))
        known = known or dict.fromkeys(seen.known)
        if missing := set(known) ^ set(seen.known):
            names = ", ".join(map(repr, sorted(missing)))
            raise AuditError(f"the losses must be the same at every gate setting, at {setting.label} differ: {names}")
    if on_progress:
        on_progress(len(chosen), len(chosen))
    flows = name_switches(target, flows, called, sources)
    names = tuple(dict.fromkeys(loss for flow in flows for loss, _ in flow.cells))
    modules = tuple(target.named_modules)
    return Audit(
        target.name,
        dict(target.shape),
        names,
        modules,
        tuple(flows),
        tuple(notes),
        known=tuple(known),
        switches=dict(target.switches),
    )


def _with_shares(cells: Cells, weights: Mapping[str, float]) -> Cells:
    """Each loss's part of a module's gradient: its weighted norm over the sum of all."""
    weighted = {pair: cell.norm * weights.get(cell.loss, 1.0) for pair, cell in cells.items() if cell.norm is not None}
    totals: dict[str, float] = {}
    for (_, module), norm in weighted.items():
        totals[module] = totals.get(module, 0.0) + norm
    return {
        pair: replace(cell, share=weighted[pair] / totals[pair[1]]) if pair in weighted and totals[pair[1]] else cell
        for pair, cell in cells.items()
    }
