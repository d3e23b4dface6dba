"""Names and groups of what a picture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Legend:
    """Names and groups for pictures of a trainer. Every field is optional.

    Attributes:
        symbols: The states that are drawn: property of a state class to symbol. Several properties may share a symbol.
            None draws every property under its own name.
        roles: Groups of modules, drawn with a frame around them: name of the group to names of modules.
        families: Groups of losses that share a colour: name of the family to names of losses. A loss in no family has a
            colour of its own.

    Examples:
        >>> Legend(roles={"perception": ["encoder", "decoder"]}, families={"control": ["value"]}).symbols is None
        True
    """

    symbols: Mapping[str, str] | None = None
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
