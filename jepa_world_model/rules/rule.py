"""How a rule about settings is declared: a function that looks at them and yields what it finds.

    @rule(Level.WARNING, why="...", remedy="...", triggers=["losses.action_delta_z=0.1"])
    def z_action_loss(check: Check) -> Iterator[Found]: ...

Its id is the function's name with hyphens. `triggers` are settings on top of the defaults that it finds fault with, and
`passes` some that are near and that it does not: tests run both, and the reference shows the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from jepa_world_model.record import Routing
from jepa_world_model.rules.settings import Settings


class Level(StrEnum):
    """How much a finding matters, from the least."""

    INFO = "info"
    """Worth knowing."""
    WARNING = "warning"
    """Worth a second look before a long run."""
    ERROR = "error"
    """Such a run cannot be started, or cannot learn what it should."""

    @property
    def rank(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True)
class Opposition:
    """Two losses in one module: the cosine of their gradients over several batches, with its 95 % interval."""

    module: str
    losses: tuple[str, str]
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Measurement:
    """What only gradients can say of some settings."""

    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By module, by loss: its part of the module's gradient, at the weights of the settings."""
    vacuous: Sequence[tuple[str, str]] = ()
    """Losses and modules with a path between them and no gradient on it."""
    opposed: Sequence[Opposition] = ()
    """Every pair of losses that share a module, the most opposed first."""
    batches: int = 0
    """Over how many the cosines were taken."""


@dataclass(frozen=True)
class Check:
    """Some settings, and what is known of their routing: recorded, or measured."""

    settings: Settings
    routing: Routing
    closed: Mapping[str, Routing]
    """By gate: the routing with this gate closed, the others as they are."""
    measurement: Measurement | None = None

    @property
    def enabled(self) -> list[str]:
        return self.settings.enabled

    def updating(self, module: str) -> list[str]:
        """Enabled losses that update a module."""
        return [loss for loss in self.enabled if module in self.routing.updates[loss]]

    def using(self, module: str) -> list[str]:
        """Enabled losses that are computed from a module."""
        return [loss for loss in self.enabled if module in self.routing.uses[loss]]


@dataclass(frozen=True)
class Found:
    """What a rule found."""

    message: str
    """A sentence."""
    subjects: tuple[str, ...]
    """What it is about: losses, modules. A finding about the same is the same finding."""
    keys: tuple[str, ...]
    """Keys of the config that make it so."""
    facts: tuple[str, ...] = ()
    """Which losses reach which module, and the like."""


@dataclass(frozen=True)
class Rule:
    """A declared rule."""

    id: str
    level: Level
    why: str
    remedy: str
    triggers: tuple[str, ...]
    passes: tuple[str, ...]
    look: Callable[[Check], Iterator[Found]]
    measured: bool
    """Whether it says nothing without a measurement."""

    @property
    def title(self) -> str:
        """The first line of the function's docstring."""
        return (self.look.__doc__ or "").strip().splitlines()[0].rstrip(".")

    def can_say(self, check: Check) -> bool:
        """Whether silence means that there is nothing to find."""
        return not (self.measured and check.measurement is None)


RULES: dict[str, Rule] = {}


def rule(
    level: Level,
    *,
    why: str,
    remedy: str,
    triggers: Sequence[str],
    passes: Sequence[str] = (),
    measured: bool = False,
) -> Callable[[Callable[[Check], Iterator[Found]]], Rule]:
    """Declare a rule. Raises ValueError for an id that is taken."""

    def declare(look: Callable[[Check], Iterator[Found]]) -> Rule:
        id = look.__name__.replace("_", "-")
        if id in RULES:
            raise ValueError(f"two rules are called {id!r}")
        RULES[id] = Rule(id, level, why, remedy, tuple(triggers), tuple(passes), look, measured)
        return RULES[id]

    return declare


def excused(rule: Rule, check: Check) -> bool:
    """Whether the settings accept what a rule finds. An error is never accepted."""
    return rule.id in check.settings.accept and rule.level is not Level.ERROR


def weight_keys(losses: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"losses.{loss}" for loss in losses)


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``"""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
