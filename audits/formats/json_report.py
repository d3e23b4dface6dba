"""JSON: everything that was measured, one object a cell. Its schema is ``docs/audit.schema.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

from audits.drift import Drift
from audits.formats.locations import locations
from audits.formats.plain_json import plain
from audits.formats.wording import exact, notes
from audits.moves import Steps
from audits.places import Place, Stop
from audits.remark import Remark
from audits.result import Audit, Cell

if TYPE_CHECKING:
    from audits.contract import Comparison

SCHEMA = "urn:jepa:audit:1"
VERSION = 1
EXACT_IN_JSON = 2**53
"""Above it many readers of JSON round a number."""


def render(comparison: Comparison) -> str:
    """The whole comparison, a line for each item of a list."""
    audit = comparison.audit
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "target": audit.target,
        "shape": dict(audit.shape),
        "passed": comparison.passed,
        "notes": notes(comparison),
        "remarks": [_remark(remark) for remark in comparison.remarks],
        "losses": list(audit.losses),
        "modules": list(audit.modules),
        "settings": [_setting(flow.setting.label, dict(flow.setting.values)) for flow in audit.flows],
        "cells": [_cell(setting.label, cell) for setting, cell in audit.cells()],
        "stops": list(_stops(audit)),
        "cosines": list(_cosines(audit)),
        "drifts": [_drift(drift) for drift in comparison.drifts],
        "steps": _steps(audit.steps) if audit.steps else None,
    }
    return "{\n" + ",\n".join(f"{_text(key)}: {_member(value)}" for key, value in document.items()) + "\n}\n"


def _member(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return _text(value)
    return "[\n" + ",\n".join(f"  {_text(item)}" for item in value) + "\n]"


def _text(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _setting(label: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "values": plain(values)}


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _cell(gates: str, cell: Cell) -> dict[str, Any]:
    return {
        "gates": gates,
        "loss": cell.loss,
        "module": cell.module,
        "status": str(cell.status),
        "paths": exact(cell.paths, limit=EXACT_IN_JSON),
        "norm": _finite(cell.norm),
        "share": _finite(cell.share),
        "reached": cell.reached,
        "parameters": cell.parameters,
        "nonfinite": cell.nonfinite,
        "derivative_ratio": _finite(cell.derivative_ratio),
        "held_ratio": _finite(cell.held_ratio),
        "stops": [_stop(stop) for stop in cell.stops],
        "reason": cell.reason,
    }


def _stop(stop: Stop) -> dict[str, Any]:
    return {
        "file": stop.place.file,
        "line": stop.place.line,
        "function": stop.place.function,
        "text": stop.place.text,
        "kind": str(stop.kind),
        "gate": stop.gate,
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return asdict(remark) | {"place": _place(remark.place)}


def _place(place: Place | None) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line} if place else None


def _steps(steps: Steps) -> dict[str, Any]:
    return {
        "count": steps.count,
        "optimizers": list(steps.optimizers),
        "moves": [asdict(m) | {"relative": _finite(m.relative), "place": _place(m.place)} for m in steps.moves],
        "weights": {name: dict(weights) for name, weights in steps.weights.items()},
        "notes": list(steps.notes),
    }


def _stops(audit: Audit) -> Iterator[dict[str, Any]]:
    for flow in audit.flows:
        for loss, stops in flow.stops.items():
            yield {"gates": flow.setting.label, "loss": loss, "stops": [_stop(stop) for stop in stops]}


def _cosines(audit: Audit) -> Iterator[dict[str, Any]]:
    for flow in audit.flows:
        for module, pairs in flow.cosines.items():
            for pair, cosine in pairs.items():
                yield {
                    "gates": flow.setting.label,
                    "module": module,
                    "losses": list(pair),
                    "cosine": _finite(cosine),
                }


def _drift(drift: Drift) -> dict[str, Any]:
    where = {location.of: {"file": location.file, "line": location.line} for location in locations(drift)}
    return {
        "kind": str(drift.kind),
        "gates": list(drift.settings),
        "loss": drift.loss,
        "module": drift.module,
        "gate": drift.gate,
        "optimizer": drift.optimizer,
        "expected": drift.expected,
        "found": drift.found,
        "reason": drift.reason,
        "remedy": drift.remedy,
        "code": where.get("code"),
        "document": where.get("document"),
    }
