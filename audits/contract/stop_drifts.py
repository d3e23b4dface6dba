"""What drifts from the lock file, each with its remedy: lost and added stops, other routes, other derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audits.contract.derivatives import derivatives
from audits.contract.lock import Entry, Lock
from audits.contract.mistakes import shown
from audits.contract.whereabouts import place_of
from audits.drift import Drift, DriftKind, Row
from audits.errors import AuditError
from audits.places import Place, Stop
from audits.result import Audit, Flow, Routes

REVIEW = "run with --update and review the diff"


def running_torch() -> str:
    """Its version without the kind of build: ``2.13.0``."""
    import torch

    return str(torch.__version__).partition("+")[0]


def check_comparable(audit: Audit, lock: Lock, *, shape_matters: bool) -> None:
    """Raises AuditError for a lock of another target, or, if it matters, of another shape."""
    if lock.target != audit.target:
        text = f"the lock is of {lock.target!r}, the audit of {audit.target!r}: audit that one, or delete the lock and"
        raise AuditError(f"{shown(lock.path)}: {text} {REVIEW}")
    different = shape_difference(lock.shape, audit.shape)
    if different and shape_matters:
        remedy = "audit at the shape of the lock, or write it anew with --update"
        raise AuditError(f"{shown(lock.path)}: the lock has another shape ({different}): {remedy}")


def shape_difference(locked: Mapping[str, Any], audited: Mapping[str, Any]) -> str:
    """Each key that differs, with both values; empty where none does."""
    keys = [key for key in {**locked, **audited} if locked.get(key) != audited.get(key)]
    return ", ".join(f"{key}: {locked.get(key, 'none')} in the lock, {audited.get(key, 'none')} here" for key in keys)


def unlocked(flow: Flow, loss: str, lock: Lock, row: Row | None) -> Drift:
    """The drift of a loss on which the lock file has nothing at this setting."""
    return Drift(
        kind=DriftKind.ROUTE,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=f"an entry in {shown(lock.path)}",
        found="none",
        reason="not in the lock: the loss or the setting is new",
        remedy=REVIEW,
        row=row,
    )


def is_locked(flow: Flow, loss: str, entry: Entry, *, routes: bool) -> bool:
    """Whether the routing of a loss is as it was agreed to, however its source is spelt."""
    found = flow.routes.get(loss, Routes())
    return found.terms == entry.routes if routes else found.cuts.keys() == entry.stops.keys()


def routing_drifts(
    audit: Audit, flow: Flow, lock: Lock, loss: str, row: Row | None, *, routes: bool, explained: bool
) -> Iterator[Drift]:
    """A drift for each way on which the gradient is no longer cut, or cut anew; else one for the routes.

    `routes`: whether they are compared, or only which ways are cut. `explained`: other drifts tell of the routes.
    """
    entry = lock.entry(flow.setting.label, loss)
    if entry is None or is_locked(flow, loss, entry, routes=routes):
        return
    found = flow.routes.get(loss, Routes())
    before = {key: set(expressions) for key, expressions in entry.stops.items()}
    now = {key: {stop.place.expression: stop for stop in stops} for key, stops in found.cuts.items()}
    gone = [key for key in before if key not in now or before[key] - now[key].keys()]
    new = [key for key in now if key not in before or now[key].keys() - before[key]]
    here = {expression for stops in now.values() for expression in stops}
    respelt = {key for key in gone if key in new and here.isdisjoint(before[key]) and lock.stops.isdisjoint(now[key])}
    gone, new = ([key for key in keys if key not in respelt] for keys in (gone, new))
    for key in gone:
        lost = sorted(before[key] - now.get(key, {}).keys())
        yield _gone(audit, flow, loss, key, lost, row)
    for key in new:
        added = [stop for expression, stop in now[key].items() if expression not in before.get(key, ())]
        yield _new(flow, lock, loss, key, added or list(now[key].values()), row)
    if not gone and not new and not explained:
        yield _route(flow, loss, entry, found, row)


def _gone(audit: Audit, flow: Flow, loss: str, key: str, lost: list[str], row: Row | None) -> Drift:
    """With the line where the gradient passes now: of the call or of the comparison that it was kept from."""
    told = " and ".join(lost)
    still = _places(audit, set(lost))
    if still:
        reason = f"the gradient of this loss meets no stop there; {told} stands at {still[0]} for other ways"
    else:
        reason = f"{told or 'the stop'} is gone"
    passes = flow.routes.get(loss, Routes()).ways.get(key)
    place = passes or still[0] if still else next((place_of(expression, passes) for expression in lost), passes)
    return Drift(
        kind=DriftKind.STOP_GONE,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=f"a stop of {key}{f', {told}' if told else ''}",
        found="its gradient is not cut there",
        reason=reason,
        remedy=f"restore the stop, or {REVIEW}",
        place=place,
        row=row,
        origin="" if still else told,
    )


def _new(flow: Flow, lock: Lock, loss: str, key: str, added: list[Stop], row: Row | None) -> Drift:
    stop = added[0]
    return Drift(
        kind=DriftKind.STOP_NEW,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=f"no stop of {key}",
        found="its gradient is cut there",
        reason=f"cut at {' and '.join(map(str, added))}",
        remedy=f"remove the stop, or {REVIEW}",
        place=stop.place,
        row=row,
        origin=stop.place.expression if stop.place.expression not in lock.stops else "",
    )


def _route(flow: Flow, loss: str, entry: Entry, found: Routes, row: Row | None) -> Drift:
    gone = [text for text in entry.routes if text not in found.terms]
    new = [text for text in found.terms if text not in entry.routes]
    return Drift(
        kind=DriftKind.ROUTE,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=_first(gone, "no such route"),
        found=_first(new, "none"),
        reason="the loss compares other outputs of calls, or by other ways, than in the lock",
        remedy=f"check what this loss is computed from; if the change is meant, {REVIEW}",
        place=next((found.places[text] for text in new if text in found.places), None),
        row=row,
    )


def _first(texts: list[str], otherwise: str) -> str:
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return f"{texts[0]}{more}" if texts else otherwise


def _places(audit: Audit, expressions: set[str]) -> list[Place]:
    """Where any of some expressions still stops the gradient of some loss."""
    routes = (found for flow in audit.flows for found in flow.routes.values())
    stops = (stop for found in routes for stops in found.cuts.values() for stop in stops)
    return [stop.place for stop in stops if stop.place.expression in expressions]


def derivative_drifts(audit: Audit, flow: Flow, entry: Entry, loss: str, row: Row | None) -> Iterator[Drift]:
    """A drift for each module whose gradient differs from the derivative in another way than it was agreed to."""
    now = derivatives(flow, loss, audit.modules)
    for module in audit.modules:
        before, after = entry.derivatives.get(module, ""), now.get(module, "")
        if before == after or not flow.cells[loss, module].status.updates:
            continue
        found = flow.routes.get(loss, Routes())
        yield Drift(
            kind=DriftKind.DERIVATIVE,
            settings=(flow.setting.label,),
            loss=loss,
            module=module,
            expected=before or "the derivative of the loss",
            found=after or "the derivative of the loss",
            reason=flow.cells[loss, module].reason or "a reversal, a scale or an estimator came or went",
            remedy=f"look for a custom Function or a hook on the way; if the change is meant, {REVIEW}",
            place=found.enters.get(module),
            row=row,
        )


def renames(audit: Audit, lock: Lock, *, routes: bool) -> Iterator[str]:
    """One line about all stops that do what they did, and are called otherwise or stand elsewhere."""
    names: dict[str, str] = {}
    for flow in audit.flows:
        for loss in audit.losses:
            entry = lock.entry(flow.setting.label, loss)
            if entry is None or not is_locked(flow, loss, entry, routes=routes):
                continue
            now = Entry.of(flow, loss, ())
            for key, expressions in entry.stops.items():
                old, new = sorted(set(expressions) - now.expressions), sorted(now.expressions - entry.expressions)
                names |= {name: (new or list(now.stops.get(key, ())) or ["none"])[0] for name in old}
    if names:
        old, new = next(iter(names.items()))
        more = f", and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"renamed or moved, with the gradient as before: {old} is now {new}{more}; --update tells the lock file"
