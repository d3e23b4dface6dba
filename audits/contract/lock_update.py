"""The lock file, brought up to date."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from audits.contract.lock import Entry, Lock
from audits.contract.mistakes import shown
from audits.contract.stop_drifts import running_torch, shape_difference
from audits.errors import AuditError
from audits.result import Audit

GATES = re.compile(r"(?:^|, )([\w.-]+)=")


def updated_lock(audit: Audit, old: Lock | None, path: Path, *, documented: Collection[str]) -> Lock:
    """The lock with the measured entries, and the old entries of what was not audited.

    Old entries stay as long as the trainer has the loss and the gates; where nobody told the trainer's losses, as
    long as they are documented. Raises AuditError where they are of another target or shape than the new ones.
    """
    new = {
        flow.setting.label: {loss: Entry.of(flow, loss, audit.modules) for loss in audit.losses} for flow in audit.flows
    }
    kept = _kept(audit, old, audit.known or {*audit.losses, *documented}) if old else {}
    stale = [label for label, entries in kept.items() if entries.keys() - new.get(label, {}).keys()]
    if old and stale:
        _check_alike(audit, old)
    settings = {label: _merged(kept.get(label, {}), new.get(label, {}), audit.losses) for label in _ordered(kept, new)}
    return Lock(path, audit.target, running_torch(), dict(audit.shape), settings)


def _kept(audit: Audit, old: Lock, losses: Collection[str]) -> dict[str, dict[str, Entry]]:
    """Old entries of losses and gates that still exist."""
    gates = {name for flow in audit.flows for name in flow.setting.defaults}
    return {
        label: {loss: entry for loss, entry in entries.items() if loss in losses}
        for label, entries in old.settings.items()
        if set(GATES.findall(label)) <= gates
    }


def _check_alike(audit: Audit, old: Lock) -> None:
    different = shape_difference(old.shape, audit.shape)
    if old.target != audit.target:
        different = f"target: {old.target!r} in the lock, {audit.target!r} here"
    if different:
        remedy = "audit all losses at all settings to write it anew, or audit at the shape of the lock"
        raise AuditError(f"{shown(old.path)} cannot be updated in part ({different}): {remedy}")


def _ordered(kept: Mapping[str, object], new: Mapping[str, object]) -> Iterable[str]:
    """The audit's order where it has everything, else the old order with what is new at the end."""
    return new if kept.keys() <= new.keys() else {**kept, **new}


def _merged(kept: Mapping[str, Entry], new: Mapping[str, Entry], losses: Collection[str]) -> dict[str, Entry]:
    merged = {**kept, **new}
    return {loss: merged[loss] for loss in (losses if kept.keys() <= set(losses) else merged) if loss in merged}
