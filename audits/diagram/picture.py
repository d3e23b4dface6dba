"""A picture, before it is drawn: boxes and arrows in the words of the trainer. Each format has a writer for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Shape(StrEnum):
    """What a box stands for."""

    INPUT = "input"
    STATE = "state"
    MODULE = "module"
    FROZEN = "frozen"
    """A module that is used without an update."""
    LOSS = "loss"
    CUT = "cut"
    """A place where gradient ends."""
    GATE = "gate"
    """A place where it would end, were a gate at another value."""


class Tone(StrEnum):
    """How a box or an arrow is meant."""

    PLAIN = "plain"
    FAINT = "faint"
    """There for orientation."""
    ADDED = "added"
    """Not in the picture that this one is compared with."""
    REMOVED = "removed"
    """Only there."""
    UNDOCUMENTED = "undocumented"
    """Measured, and the document says otherwise."""
    UNMEASURED = "unmeasured"
    """Documented, and the measurement says otherwise."""


@dataclass(frozen=True)
class Box:
    key: str
    """Of this box alone; the same in two pictures of one trainer."""
    shape: Shape
    lines: tuple[str, ...]
    """The first is its name."""
    losses: tuple[str, ...] = ()
    """A loss box: its losses. A module: those that update it. A cut: those whose gradient ends there."""
    hint: str = ""
    """What a reader sees who asks for more."""
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Arrow:
    """Data runs from source to sink; gradient of some losses runs back."""

    source: str
    sink: str
    losses: tuple[str, ...] = ()
    tone: Tone = Tone.PLAIN
    hint: str = ""
    data: bool = True
    """False: only gradient, by a way that is not drawn."""


@dataclass(frozen=True)
class Picture:
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    losses: tuple[str, ...]
    families: Mapping[str, tuple[str, ...]]
    """Losses that share a colour, those that are not in the picture too: each keeps its colour in every picture."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Boxes that belong together, by name of the group."""
    notes: tuple[str, ...] = ()
    """What the picture cannot show."""

    def family_of(self, loss: str) -> str:
        return next(name for name, losses in self.families.items() if loss in losses)

    def families_of(self, losses: tuple[str, ...]) -> tuple[str, ...]:
        """Each once, in the order of the legend."""
        return tuple(name for name, members in self.families.items() if not set(members).isdisjoint(losses))

    @property
    def shown_families(self) -> tuple[str, ...]:
        return self.families_of(self.losses)
