"""What rules look at: the settings of a config as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jepa_world_model.losses import LOSSES
from jepa_world_model.record import record


@dataclass(frozen=True)
class Settings:
    """All keys with their values; keys that were not given have their defaults."""

    name: str
    """Where they come from, in words: ``my.toml``, ``default``."""
    values: Mapping[str, Any]
    """By key, such as ``losses.jepa``."""
    accept: Mapping[str, str] = field(default_factory=dict)
    """By id of a rule: the reason why its finding is intended."""
    file: Path | None = None
    text: str = ""
    """Of the file."""
    overridden: frozenset[str] = frozenset()
    """Keys that the command line gave: they are in no file."""
    refusal: str = ""
    """Why training refuses them; empty where it does not."""

    @property
    def weights(self) -> dict[str, float]:
        """By loss, in the order of declaration."""
        return {loss: self.values[f"losses.{loss}"] for loss in LOSSES}

    @property
    def enabled(self) -> list[str]:
        """Losses whose weight is not zero."""
        return [loss for loss, weight in self.weights.items() if weight != 0]

    @property
    def gates(self) -> dict[str, bool]:
        return {gate: self.values[key] for gate, key in record().gates.items()}

    def line_of(self, key: str) -> int | None:
        """Where a key, or a rule that is accepted, stands in the file; None where it does not."""
        return _lines(self.text).get(key) if self.file and key not in self.overridden else None


def _lines(text: str) -> dict[str, int]:
    """By key: the number of its line, as far as keys stand on lines of their own."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = f"{head[1]}."
        elif key := re.match(r"""\s*["']?([^"'=#]+?)["']?\s*=""", line):
            found.setdefault(f"{table}{key[1]}", number)
    return found
