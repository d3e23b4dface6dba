"""What an audit found: one cell for each loss and module, at each setting of the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from audits.places import Stop

if TYPE_CHECKING:
    import pandas

Pair = tuple[str, str]
"""A loss and a module."""


class Status(StrEnum):
    """What a loss does to a module."""

    ABSENT = "absent"
    """No gradient: no path in the autograd graph to any parameter of the module."""
    LIVE = "live"
    """A path, and a gradient that survives in float64."""
    VACUOUS = "vacuous"
    """A path, but the gradient is zero or only rounding noise."""
    IDLE = "idle"
    """A path, zero on the first batch, live on another or at other weights: a hinge that is satisfied."""
    FROZEN = "frozen"
    """A path to parameters with requires_grad False."""
    NONFINITE = "nonfinite"
    """NaN or infinity."""
    UNKNOWN = "unknown"
    """The checks disagree, or cannot be made. Never a pass."""

    @property
    def updates(self) -> bool:
        """Whether an optimiser step on this loss moves the module, on some batch."""
        return self in (Status.LIVE, Status.IDLE)

    @property
    def decided(self) -> bool:
        return self not in (Status.NONFINITE, Status.UNKNOWN)


@dataclass(frozen=True)
class Cell:
    """What one loss does to one module at one setting."""

    loss: str
    module: str
    status: Status
    paths: int | None = 0
    """Number of paths in the autograd graph; None where they cannot be counted."""
    reached: int = 0
    """Parameters with a path."""
    parameters: int = 0
    """Trainable parameters of the module."""
    norm: float | None = None
    """Norm of the unweighted loss's gradient, at the current weights; None where it was not measured."""
    share: float | None = None
    """Part of the module's summed gradient norms, losses weighted; None where it was not measured."""
    nonfinite: int = 0
    """Entries of the gradient that are NaN or infinite."""
    stops: tuple[Stop, ...] = ()
    """Of an absent cell: every stop that alone keeps loss and module apart; or, if `chained`, those of a data path with
    the fewest of them, the loss's first. Empty: there is no data path."""
    reason: str = ""
    """In words, where the status alone does not say it."""
    chained: bool = False
    frozen: int = 0
    """Parameters of the module with requires_grad False."""

    @property
    def waits(self) -> bool:
        """Whether its gradient is still to be judged."""
        return self.status is Status.UNKNOWN and self.norm is not None and not self.reason


@dataclass(frozen=True)
class Setting:
    """One value for each gate."""

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @property
    def changed(self) -> dict[str, Any]:
        """The gates that are not at their default."""
        return {name: value for name, value in self.values.items() if value != self.defaults[name]}

    @property
    def label(self) -> str:
        """``default``, or what differs from it: ``detach_decoder=True``."""
        return ", ".join(f"{name}={value}" for name, value in self.changed.items()) or "default"


@dataclass(frozen=True)
class Flow:
    """The gradient flow at one setting."""

    setting: Setting
    cells: Mapping[Pair, Cell]
    stops: Mapping[str, tuple[Stop, ...]]
    """By loss: every place where its gradient ends."""
    cosines: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    """By module, then by pair of losses: cosine of their gradients. Empty where it was not measured."""
    called: frozenset[str] = frozenset()
    """Keys of all places that stop gradient when they run, whether or not any arrives there."""

    def updated(self, loss: str) -> tuple[str, ...]:
        """The modules that a loss updates."""
        return tuple(module for (of, module), cell in self.cells.items() if of == loss and cell.status.updates)


@dataclass(frozen=True)
class Audit:
    """The gradient flow of a trainer."""

    target: str
    shape: Mapping[str, int | str | bool]
    """What path counts depend on: number of frames, of layers, ..."""
    losses: tuple[str, ...]
    modules: tuple[str, ...]
    flows: tuple[Flow, ...]
    """One for each audited setting, the default one first where it was asked for."""
    notes: tuple[str, ...] = ()
    """What a reader should know about how it was measured."""
    known: tuple[str, ...] = ()
    """All losses of the target, whether or not they were audited."""
    gates: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Of the target: name to values, the default first."""

    def cells(self) -> Iterator[tuple[Setting, Cell]]:
        for flow in self.flows:
            for cell in flow.cells.values():
                yield flow.setting, cell

    def table(self) -> pandas.DataFrame:
        """Losses x modules: the status of each cell, with the setting as first level of the index if there are many."""
        import pandas

        tables = {
            flow.setting.label: pandas.DataFrame(
                [[str(flow.cells[loss, module].status) for module in self.modules] for loss in self.losses],
                index=pandas.Index(self.losses, name="loss"),
                columns=list(self.modules),
            )
            for flow in self.flows
        }
        return pandas.concat(tables, names=["setting"]) if len(tables) > 1 else next(iter(tables.values()))
