"""Writes files that are made from the code: the JSON Schema of settings, and the routing of every loss.

    python -m jepa_world_model.gradient_flow.recording        `make docs` does

`jepa_world_model/config.schema.json` is the JSON Schema of a config file; editors can check TOML by it.
`jepa_world_model/routing.json` holds what the audit measures of every loss at every setting of the gates. Tests fail
when either is stale.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from audits import Setting, Target, audit
from audits.dataflow.links import computed_from
from audits.dataflow.values import Kind
from jepa_world_model.config_file import TABLES, load_config
from jepa_world_model.gradient_flow.target import jepa_target
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config, DataConfig, ModelConfig, TrainConfig
from jepa_world_model.record import ROUTING
from jepa_world_model.states import Gates
from jepa_world_model.vitals import BOUNDS

SCHEMA = ROUTING.with_name("config.schema.json")
USED = (Kind.MODULE, Kind.FROZEN)


def schema() -> str:
    """What `jepa train` accepts, as JSON Schema. Every setting is described."""
    from pydantic import TypeAdapter

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **TypeAdapter(Config).json_schema()}
    tables = document["$defs"]
    for table, described in _descriptions().items():
        tables[table]["description"] = tables[table]["description"].partition("\n")[0]
        for key, description in described.items():
            tables[table]["properties"][key]["description"] = description
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _descriptions() -> dict[str, dict[str, str]]:
    """By table, then by key: what a setting means, from where it is declared."""
    losses = {loss.name: loss.meaning for loss in LOSSES.values()}
    bounds = {bound.key: bound.meaning for bound in BOUNDS}
    written = {table.__name__: _attributes(table) for table in (ModelConfig, TrainConfig, DataConfig)}
    return {"LossWeights": losses, "Alarms": bounds, **written}


def _attributes(documented: type) -> dict[str, str]:
    """The section Attributes of a docstring: name to description, in one line."""
    section = (inspect.getdoc(documented) or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", section, re.MULTILINE)
    return {name: " ".join(description.split()) for name, description in entries}


def routing() -> str:
    """What each loss updates and uses at each setting, a line for each loss."""
    target = jepa_target(load_config())
    record = {
        "gates": _gate_keys(),
        "modules": list(target.named_modules),
        "settings": list(_settings(target)),
    }
    return "\n".join(_lines(record, 0)) + "\n"


def _gate_keys() -> dict[str, str]:
    """By gate: the key of the config that opens and closes it."""
    gates = [gate.name for gate in fields(Gates)]
    return {gate: f"{table}.{gate}" for gate in gates for table, keys in TABLES.items() if gate in keys}


def _settings(target: Target) -> Iterator[dict[str, Any]]:
    for flow in audit(target, settings="all").flows:
        uses = _used(target, flow.setting)
        yield {
            "gates": dict(flow.setting.values),
            "updates": {loss: list(flow.updated(loss)) for loss in LOSSES},
            "uses": uses,
        }


def _used(target: Target, setting: Setting) -> dict[str, list[str]]:
    """By loss: the modules that it is computed from."""
    nodes = computed_from(target, setting)
    used = {loss: {node.name for node in nodes[loss] if node.kind in USED} for loss in LOSSES}
    return {loss: [module for module in target.named_modules if module in used[loss]] for loss in LOSSES}


def _lines(value: Any, depth: int) -> Iterator[str]:
    """JSON whose innermost lists and objects stand on one line each."""
    inner: Sequence[tuple[str, Any]] = (
        [(f"{json.dumps(key)}: ", item) for key, item in value.items()]
        if isinstance(value, dict)
        else [("", item) for item in value]
    )
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield opening
    for number, (key, item) in enumerate(inner):
        comma = "," if number < len(inner) - 1 else ""
        nested = isinstance(item, dict | list) and any(isinstance(each, dict | list) for each in _members(item))
        first, *rest = _lines(item, depth + 1) if nested else [json.dumps(item)]
        lines = [f"{key}{first}", *rest]
        yield from (f" {line}{comma if at == len(lines) - 1 else ''}" for at, line in enumerate(lines))
    yield closing


def _members(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
    ROUTING.write_text(routing(), encoding="utf-8")
