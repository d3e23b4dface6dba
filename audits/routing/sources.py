"""What a value is made of: outputs of calls, inputs, weights, noise; parts of them; with gradient or without."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from audits.places import Place, Stop
from audits.routing.selection import Selection


class SourceKind(StrEnum):
    """What a source is."""

    CALL = "call"
    INPUT = "input"
    BUFFER = "buffer"
    WEIGHTS = "weights"
    """A parameter that is read outside of its module."""
    NOISE = "noise"
    """Random numbers, drawn once."""
    DATA = "data"
    """A tensor that was there before the pass, and that no batch gives."""


class Own(StrEnum):
    """How a call's own parameters take part in the gradient."""

    NONE = "no weights"
    ALL = "trained"
    SOME = "partly stopped"
    STOPPED = "stopped"


@dataclass(eq=False)
class DataSource:
    """A source of data. A call that no gradient passes is another node than the same call with gradient."""

    kind: SourceKind
    name: str
    column: str = ""
    output: str = ""
    own: Own = Own.NONE
    live: bool = False
    slots: dict[str, int] = field(default_factory=dict)
    """What it was computed from, by argument: a set of `Elements`, without stops."""
    read: dict[str, int] = field(default_factory=dict)
    """The same with the stops on the way."""
    stops: set[Stop] = field(default_factory=set)
    """Where the gradient of its own parameters was stopped."""
    place: Place | None = None
    """Where the call was made."""
    data: DataSource = None  # pyright: ignore[reportAssignmentType]
    """The same without gradient."""
    digest: str = ""
    """The same for what is alike; which random numbers are meant is told by `draws`."""
    draws: tuple[int, ...] = ()
    """Random numbers and unnamed tensors below, in an order that is the same for what is alike. Of very many, one
    number for all."""
    text: str = ""
    """As it is written, once it was."""
    cuts: tuple[CutWay, ...] | None = None
    """What is kept from gradient on the way into it, once that was told."""


class SourcePart(NamedTuple):
    """Some of the numbers of a node."""

    node: DataSource
    parts: tuple[Selection, ...] = ()

    @property
    def stopped(self) -> SourcePart:
        """The same without gradient."""
        return SourcePart(self.node.data, self.parts)


class Element(NamedTuple):
    """A part, and the stop that keeps gradient from it."""

    part: SourcePart
    stop: Stop | None = None

    @property
    def live(self) -> bool:
        return self.part.node.live

    @property
    def by_design(self) -> bool:
        """Whether somebody stopped it on purpose."""
        return not self.live and self.stop is not None and self.stop.kind.deliberate

    def cut(self, stop: Stop | None) -> Element:
        """What is left where gradient ends."""
        return Element(self.part.stopped, stop) if self.live else self


class CutWay(NamedTuple):
    """A source goes into a call, or meets what it is compared with, and gradient does not go back."""

    key: str
    """``encoder into value``, ``encoder compared with predictor``"""
    stops: tuple[Stop, ...]
    """Where gradient is ended on purpose on the way."""
