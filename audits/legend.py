"""How a picture of a trainer calls and groups what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Legend:
    """Everything is optional: a trainer without one is drawn all the same."""

    symbols: Mapping[str, str] | None = None
    """States that are drawn: property of a state class to symbol, several perhaps under one. None: every property."""
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Groups of modules: ``{"perception": ["encoder", "decoder"]}``."""
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Groups of losses, one colour each. A loss in none is a family of its own."""
