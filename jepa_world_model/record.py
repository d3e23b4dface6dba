"""What the code says of its settings and its routing, read from files that are made from it.

Whoever reads it waits neither for torch nor for pydantic. `python -m jepa_world_model.gradient_flow.recording` makes
the files.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCHEMA, ROUTING = HERE / "config.schema.json", HERE / "routing.json"

Modules = Mapping[str, Collection[str]]
"""By loss: names of modules."""


@dataclass(frozen=True)
class LossRecord:
    """What is declared of a loss."""

    family: str
    frames: int
    """Shortest window with which it is defined."""
    horizon: int
    """Shallowest rollout."""


@dataclass(frozen=True)
class Routing:
    """At one setting of the gates."""

    updates: Modules
    uses: Modules
    """Modules that a loss is computed from, whether or not it updates them."""


@dataclass(frozen=True)
class Record:
    losses: Mapping[str, LossRecord]
    modules: tuple[str, ...]
    gates: Mapping[str, str]
    """By gate: the key of the config that opens and closes it."""
    settings: Mapping[frozenset[tuple[str, bool]], Routing]

    def routing(self, gates: Mapping[str, bool]) -> Routing:
        return self.settings[frozenset(gates.items())]


@cache
def record() -> Record:
    """What each loss updates, as it was measured when this version of the code was written."""
    data = json.loads(ROUTING.read_text(encoding="utf-8"))
    return Record(
        losses={name: LossRecord(**facts) for name, facts in data["losses"].items()},
        modules=tuple(data["modules"]),
        gates=data["gates"],
        settings={
            frozenset(each["gates"].items()): Routing(each["updates"], each["uses"]) for each in data["settings"]
        },
    )


@cache
def properties() -> dict[str, dict[str, Any]]:
    """By key, such as ``losses.jepa``: its JSON Schema, with the default."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for table, reference in schema["properties"].items():
        definition = schema["$defs"].get(reference.get("$ref", "").rpartition("/")[2], {})
        found |= {f"{table}.{key}": value for key, value in definition.get("properties", {}).items()}
    return found
