"""What an audit measured of the routing, read from a file without torch.

`python -m jepa_world_model.gradient_flow.recording` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROUTING = Path(__file__).parent / "routing.json"

Modules = Mapping[str, Collection[str]]
"""By loss: names of modules."""


@dataclass(frozen=True)
class Routing:
    """At one setting of the gates."""

    updates: Modules
    uses: Modules
    """Modules that a loss is computed from, whether or not it updates them."""


@dataclass(frozen=True)
class Record:
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
        modules=tuple(data["modules"]),
        gates=data["gates"],
        settings={
            frozenset(each["gates"].items()): Routing(each["updates"], each["uses"]) for each in data["settings"]
        },
    )
