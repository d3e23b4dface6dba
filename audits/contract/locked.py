"""Stops and path counts, against the lock file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audits.contract.lock import Entry, Lock
from audits.contract.mistakes import shown
from audits.contract.presence import counted
from audits.contract.whereabouts import function_of
from audits.drift import Drift, DriftKind, Row
from audits.errors import AuditError
from audits.result import Audit, Flow

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
        kind=DriftKind.PATHS,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=f"an entry in {shown(lock.path)}",
        found="none",
        reason="not in the lock: the loss or the setting is new",
        remedy=REVIEW,
        row=row,
    )


def stop_drifts(audit: Audit, flow: Flow, loss: str, lock: Lock, row: Row | None) -> Iterator[Drift]:
    """A drift for each place where the gradient is no longer cut, or cut anew."""
    entry = lock.entry(flow.setting.label, loss)
    if entry is None:
        return
    stops = {stop.place.key: stop for stop in flow.stops.get(loss, ()) if stop.kind.deliberate}
    for key in entry.stops:
        if key not in stops:
            yield _stop_gone(audit, flow, loss, key, row)
    for key, stop in stops.items():
        if key not in entry.stops:
            yield Drift(
                kind=DriftKind.STOP_NEW,
                settings=(flow.setting.label,),
                loss=loss,
                module="",
                expected=f"no stop at {key}",
                found="its gradient is cut there",
                reason=f"cut at {stop}",
                remedy=f"remove the stop, or {REVIEW}",
                place=stop.place,
                row=row,
                origin=key if key not in lock.stops else "",
            )


def _stop_gone(audit: Audit, flow: Flow, loss: str, key: str, row: Row | None) -> Drift:
    """With the place: of the stop, where it still holds elsewhere, or of the function that had it."""
    elsewhere = (stop for other in audit.flows for stops in other.stops.values() for stop in stops)
    place = next((stop.place for stop in elsewhere if stop.place.key == key), None)
    if place:
        reason = f"the stop is still at {place}, but this loss no longer meets it"
    else:
        reason = "the stop is still there, but no gradient arrives" if key in flow.called else "the stop is gone"
    return Drift(
        kind=DriftKind.STOP_GONE,
        settings=(flow.setting.label,),
        loss=loss,
        module="",
        expected=f"a stop at {key}",
        found="its gradient is not cut there",
        reason=reason,
        remedy=f"restore the stop, or {REVIEW}",
        place=place or function_of(key),
        row=row,
        origin="" if place or key in flow.called else key,
    )


def path_drift(audit: Audit, flow: Flow, loss: str, entry: Entry, row: Row | None) -> Iterator[Drift]:
    """One drift for all modules of a loss to which the number of paths differs. What cannot be counted is equal."""
    before, now = entry.paths, {module: flow.cells[loss, module].paths for module in audit.modules}
    pairs = {module: (before.get(module, 0), now.get(module, 0)) for module in {**now, **before}}
    changed = {module: pair for module, pair in pairs.items() if None not in pair and pair[0] != pair[1]}
    if changed:
        yield Drift(
            kind=DriftKind.PATHS,
            settings=(flow.setting.label,),
            loss=loss,
            module="",
            expected=", ".join(f"{module} {counted(old)}" for module, (old, _) in changed.items()),
            found=", ".join(f"{module} {counted(new)}" for module, (_, new) in changed.items()),
            reason=", ".join(f"{module} {counted(old)} -> {counted(new)}" for module, (old, new) in changed.items()),
            remedy=f"check the route of this loss's gradient; if the change is meant, {REVIEW}",
            row=row,
        )
