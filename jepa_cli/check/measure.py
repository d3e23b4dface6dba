"""What an edit changes in the gradients, by audits before and after it: routing, shares, losses that conflict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audits import Flow, Status, Target, audit
from audits.conflict import conflicts
from jepa_cli.terminal.progress import counted
from jepa_world_model.config_file import config_of
from jepa_world_model.gradient_flow.target import jepa_target, trained_target
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.record import Routing, record
from jepa_world_model.rules import Check, Measurement, Opposition
from jepa_world_model.rules.settings import Settings

BATCHES = 8
"""On which cosines are taken."""

Gates = Mapping[str, bool]
Flows = Mapping[frozenset[tuple[str, bool]], Flow]
"""By values of the gates."""


def measured(after: Settings, before: Settings, checkpoint: Path | None = None) -> tuple[Check, Check]:
    """Checks of both settings by audits of the model as they configure it.

    The model is small and untrained, or at the weights of a run. Raises UserError for settings that cannot be trained,
    and for weights that do not fit; AuditError as an audit does.
    """
    losses = [loss for loss in LOSSES if loss in {*after.enabled, *before.enabled}]
    alike = _config(after).model == _config(before).model
    here, there = _wanted(after), _wanted(before)
    together = [*here, *(gates for gates in there if gates not in here)]
    audited = len(together) if alike else len(here) + len(there)
    same = alike and after.gates == before.gates  # weights do not turn the gradient of a loss
    total = audited + BATCHES * (1 if same else 2)
    with counted("measuring", total, "passes") as done:
        target = other = _target(after, checkpoint)
        flows = others = _flows(target, together if alike else here, losses, done)
        if not alike:
            other = _target(before, checkpoint)
            others = _flows(other, there, losses, _from(done, len(here)))
        opposed = known = _opposed(target, after, losses if same else after.enabled, _from(done, audited))
        if not same:
            known = _opposed(other, before, before.enabled, _from(done, audited + BATCHES))
    return _check(after, flows, opposed), _check(before, others, known)


def _from(done: Callable[[int], None], start: int) -> Callable[[int], None]:
    return lambda number: done(start + number)


def _opposed(
    target: Target, settings: Settings, losses: Sequence[str], done: Callable[[int], None]
) -> list[Opposition]:
    (setting,) = target.settings([settings.gates])
    pairs = conflicts(target, setting, losses=losses, on_batch=done)
    return [Opposition(pair.module, pair.losses, pair.mean, *pair.interval) for pair in pairs]


def _wanted(settings: Settings) -> list[Gates]:
    """The gates as they are, and each open one closed, to see what it lets pass."""
    gates = settings.gates
    return [gates, *({**gates, gate: True} for gate, closed in gates.items() if not closed)]


def _config(settings: Settings) -> Config:
    """With all losses in one phase: phases change when a loss is trained, not where its gradient goes."""
    return config_of({**settings.values, "train.perception_share": 0.0})


def _target(settings: Settings, checkpoint: Path | None) -> Target:
    config = _config(settings)
    if checkpoint is None:
        return jepa_target(config, batches=BATCHES)
    return trained_target(checkpoint, config, batches=BATCHES)[0]


def _flows(target: Target, wanted: Sequence[Gates], losses: Sequence[str], done: Callable[[int], None]) -> Flows:
    """The audit sees the first batch: the routing of the world model does not change with it."""
    found = audit(
        replace(target, batches=target.batches[:1]),
        settings=wanted,
        losses=losses,
        on_progress=lambda finished, _: done(finished),
    )
    return {frozenset(flow.setting.values.items()): flow for flow in found.flows}


def _check(settings: Settings, flows: Flows, opposed: Sequence[Opposition]) -> Check:
    gates = settings.gates
    flow = flows[frozenset(gates.items())]
    closed = {gate: _routing(flows, {**gates, gate: True}) for gate in gates}
    return Check(settings, _routing(flows, gates), closed, _measurement(flow, settings, opposed))


def _routing(flows: Flows, gates: Gates) -> Routing:
    """What was measured; of losses that neither config enables, what was recorded."""
    flow, known = flows[frozenset(gates.items())], record().routing(gates)
    updates = {loss: flow.updated(loss) for loss in {loss for loss, _ in flow.cells}}
    return Routing({**known.updates, **updates}, known.uses)


def _measurement(flow: Flow, settings: Settings, opposed: Sequence[Opposition]) -> Measurement:
    vacuous = [pair for pair, cell in flow.cells.items() if cell.status is Status.VACUOUS]
    return Measurement(
        shares=_shares(flow, settings),
        vacuous=[(loss, module) for loss, module in vacuous if loss in settings.enabled],
        opposed=[pair for pair in opposed if set(pair.losses) <= set(settings.enabled)],
        batches=BATCHES,
    )


def _shares(flow: Flow, settings: Settings) -> dict[str, dict[str, float]]:
    """By module, by loss: its part of the summed gradient norms at the weights of the settings, the largest first."""
    weighted: dict[str, dict[str, float]] = {}
    for (loss, module), cell in flow.cells.items():
        if loss in settings.enabled and cell.status.updates and cell.norm:
            weighted.setdefault(module, {})[loss] = cell.norm * settings.weights[loss]
    return {
        module: {loss: norm / sum(norms.values()) for loss, norm in sorted(norms.items(), key=lambda item: -item[1])}
        for module, norms in weighted.items()
    }
