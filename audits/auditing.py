"""The audit: each setting in turn, each loss alone, each cell decided."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from audits.errors import AuditError, nearest
from audits.gates import name_gates
from audits.isolation.old_objects import old_objects_left_alone
from audits.judging.decision import Cells, Decision
from audits.judging.derivative import Point
from audits.judging.known import KnownGradients
from audits.judging.ratios import ratios
from audits.probe import probe
from audits.recording.source_lines import Sources
from audits.result import NO_MULTIPLE, STOPPED_BELOW, Audit, Cell, Derivative, Flow, Pair, Setting, Status
from audits.step.real_steps import real_steps
from audits.target import DEFAULT, Target
from audits.usage import came_apart

Progress = Callable[[int, int], None]


def audit(
    target: Target,
    *,
    settings: str | Iterable[Mapping[str, Any]] = DEFAULT,
    losses: Collection[str] | None = None,
    cosines: bool = False,
    derivatives: Collection[Pair] = (),
    on_progress: Progress | None = None,
) -> Audit:
    """Measure which loss updates which module, at each requested setting of the gates.

    Each loss is backpropagated alone, and each cell of losses x modules is decided in float64. The target is left as it
    was: parameters, buffers, gradients, training mode and random generators. Where it has a step, that is run too, and
    `Audit.steps` tells what each optimizer moves.

    Args:
        target: The trainer.
        settings: Which settings of the gates: ``"default"``, ``"all"`` (every combination), or a list of mappings from
            gate to value, one for each setting; a gate that a mapping leaves out keeps its default.
        losses: Names of the losses to audit. None audits all.
        cosines: Whether to measure the cosine between the gradients of each pair of losses, for each module as well.
        derivatives: Pairs of loss and module whose gradient is compared with the derivative of the loss, beside those
            whose gradient passes a custom Function or a hook.
        on_progress: Called with the number of settings that are done and the number of all settings.

    Returns:
        A cell for each loss and module, at each setting.

    Raises:
        AuditError: The target cannot be audited: a loss is not a finite scalar, a name is unknown, or the forward pass
            failed.

    Examples:
        >>> found = audit(target, settings=[{"value_trains_encoder": True}], losses=["value"])
        >>> found.flows[0].updated("value")
        ('encoder', 'value')
    """
    chosen, auditor = target.settings(settings), _Auditor(target, losses, cosines, derivatives)
    for done, setting in enumerate(chosen):
        if on_progress:
            on_progress(done, len(chosen))
        with old_objects_left_alone():
            auditor.add(setting)
    if on_progress:
        on_progress(len(chosen), len(chosen))
    return auditor.result()


class _Auditor:
    """Goes from setting to setting."""

    def __init__(
        self, target: Target, losses: Collection[str] | None, cosines: bool, derivatives: Collection[Pair]
    ) -> None:
        self._target, self._losses, self._cosines, self._derivatives = target, losses, cosines, derivatives
        self._sources = Sources(target.helpers, target.locate)
        self._flows: list[Flow] = []
        self._notes: dict[str, None] = {}
        self._known: tuple[str, ...] = ()
        self._routes_by_chance = False
        self._known_gradients = KnownGradients()

    def add(self, setting: Setting) -> None:
        """Audit one setting. Raises AuditError when its losses are others than those before."""
        seeds = self._routes_by_chance or not self._flows
        seen = probe(self._target, setting, self._losses, self._sources, cosines=self._cosines, seeds=seeds)
        self._known = self._known or seen.known
        if unknown := next((name for name in self._target.weights if name not in self._known), None):
            raise AuditError(f"target {self._target.name!r}: weights has {unknown!r}: {nearest(unknown, self._known)}")
        if different := sorted(set(self._known) ^ set(seen.known)):
            names = ", ".join(map(repr, different))
            raise AuditError(f"the losses must be the same at every gate setting, at {setting.label} differ: {names}")
        self._routes_by_chance |= bool(seen.late)
        known = self._known_gradients
        decision = Decision(self._target, setting, seen.low, seen.kinked, seen.suspects, known)
        cells, remarks = decision.decide(seen.cells, seen.late)
        cells = self._with_derivatives(_with_shares(cells, self._target.weights), setting, seen.suspects)
        self._flows.append(
            Flow(setting, cells, seen.stops, seen.cosines, frozenset(seen.called), seen.routes, **vars(seen.usage))
        )
        self._notes |= dict.fromkeys((*seen.notes, *remarks))

    def _with_derivatives(self, cells: Cells, setting: Setting, suspects: Mapping[Pair, str]) -> Cells:
        """Cells with the factor between gradient and derivative, where something could make it other than one."""
        asked = [
            pair
            for pair, cell in cells.items()
            if (pair in suspects or pair in self._derivatives) and cell.parameters and cell.status is not Status.FROZEN
        ]
        found = ratios(Point(self._target, setting), asked) if asked else {}
        none = [pair for pair, ratio in found.items() if abs(ratio) >= NO_MULTIPLE and cells[pair].status.updates]
        held = ratios(Point(self._target, setting).held({loss for loss, _ in none}), none) if none else {}
        compared = {p: replace(cells[p], derivative_ratio=one, held_ratio=held.get(p)) for p, one in found.items()}
        return cells | {p: replace(cell, reason=_why(cell, suspects.get(p, ""))) for p, cell in compared.items()}

    def result(self) -> Audit:
        """All of it, each stop that a gate makes naming the gate."""
        target, flows = self._target, name_gates(self._target, self._flows, self._sources)
        found = Audit(
            target=target.name,
            shape=dict(target.shape),
            losses=tuple(dict.fromkeys(loss for loss, _ in flows[0].cells)),
            modules=tuple(target.named_modules),
            flows=tuple(flows),
            notes=tuple(self._notes),
            known=self._known,
            gates=dict(target.gates),
            weights=dict(target.weights),
            came_apart=tuple(came_apart(target)),
        )
        return found if target.step is None else found.with_steps(real_steps(target))


FACTORS = {
    Derivative.REVERSED: "the gradient is {ratio:.3g} times the derivative of the loss, a reversal",
    Derivative.STOPPED: "the loss depends on it, and its gradient is stopped",
    Derivative.ESTIMATED: "the gradient is {ratio:.3g} times the derivative of the loss",
}
ESTIMATE = "the gradient is an estimate, no multiple of the derivative of the loss"
HELD = "beside what is stopped, the gradient is {ratio:.3g} times the derivative of the loss, a reversal"


def _why(cell: Cell, by: str) -> str:
    """The reason of a cell, and what its gradient is beside the derivative, if another."""
    ratio = cell.derivative_ratio
    kind = Derivative.of(ratio)
    if ratio is None or kind is Derivative.HONEST:
        return cell.reason
    if abs(ratio) < NO_MULTIPLE:
        told = FACTORS[kind].format(ratio=ratio)
    elif cell.held_ratio is not None and -NO_MULTIPLE < cell.held_ratio < -STOPPED_BELOW:
        told = HELD.format(ratio=cell.held_ratio)
    else:
        told = ESTIMATE
    is_new = by and by.removeprefix("the hook ") not in cell.reason
    return "; ".join(filter(None, [cell.reason, f"{told}: it passes {by}" if is_new else told]))


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
