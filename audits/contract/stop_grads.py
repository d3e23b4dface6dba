"""The column Target, against the stops that were measured."""

from __future__ import annotations

from collections.abc import Iterator

from audits.contract.contract import Contract
from audits.contract.lock import Lock
from audits.contract.stop_drifts import is_locked
from audits.contract.targets import StopGrads, differs, free_stops, names_of, own_stops, stop_names, target_text
from audits.drift import Drift, DriftKind
from audits.result import Audit, Flow


def stop_grad_drift(
    audit: Audit, flow: Flow, loss: str, contract: Contract, lock: Lock | None = None
) -> Iterator[Drift]:
    """A drift where the column says something else than the default setting's stops.

    Where the lock file says that the routing is as before, the names of its stops are right as well: a renamed variable
    is no other stop.
    """
    said = contract.stop_grads(loss)
    partial = not set(contract.losses) <= set(audit.losses)
    if flow.setting.changed or not differs(said, flow, loss, partial=partial):
        return
    if lock and not flow.setting.changed and _names(said) <= _locked_names(flow, loss, lock) and _names(said):
        return
    own = own_stops(flow, loss)
    surplus = [stop for stop in own if stop_names([stop]).isdisjoint(_names(said))]
    yield Drift(
        kind=DriftKind.STOP_GRAD,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected="a stop-grad" if said is True else target_text(_names(said)),
        found=target_text(stop_names(own)),
        reason="; ".join(f"cut at {stop}" for stop in free_stops(flow, loss)) or "its gradient is not stopped anywhere",
        remedy="correct the loss or the column Target, or run with --update and review the diff",
        place=surplus[0].place if surplus else None,
        row=contract.row(loss),
    )


def _names(said: StopGrads) -> frozenset[str]:
    return said if isinstance(said, frozenset) else frozenset()


def _locked_names(flow: Flow, loss: str, lock: Lock) -> frozenset[str]:
    """The names of the stops in the lock file, if they still do what they did."""
    entry = lock.entry(flow.setting.label, loss)
    if entry is None or not is_locked(flow, loss, entry, routes=True):
        return frozenset()
    return names_of(expression.partition(": ")[2] for expression in entry.expressions)
