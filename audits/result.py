"""What an audit found: one cell for each loss and module, at each setting of the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from audits.moves import Steps
from audits.places import Place, Stop

if TYPE_CHECKING:
    import pandas

Pair = tuple[str, str]
"""A loss and a module."""


class Status(StrEnum):
    """What a loss does to a module. Each member equals its text: ``Status.LIVE == "live"``.

    Attributes:
        ABSENT: No gradient: the autograd graph has no path to any parameter of the module.
        LIVE: A path, and a gradient that survives in float64.
        VACUOUS: A path, but the gradient is zero or only rounding noise.
        IDLE: A path; zero on the first batch, live on another one or at other weights. A hinge that is satisfied.
        FROZEN: A path, but only to parameters with ``requires_grad`` False.
        UNDERFLOW: A path, and a gradient that survives in float64 but is exactly zero in the trainer's own precision.
            Never a pass: the loss is meant to train the module, and does not.
        NONFINITE: The gradient has NaN or infinite entries.
        UNKNOWN: The checks disagree, or cannot be made. Never a pass.
        UNPROVEN: A path, and a gradient that one run of a script cannot judge: zero on its step, or perhaps rounding
            noise. Counts as an update, and is no drift either way, until it is proven.

    Examples:
        >>> Status.IDLE.updates, Status.VACUOUS.updates
        (True, False)
    """

    ABSENT = "absent"
    LIVE = "live"
    VACUOUS = "vacuous"
    IDLE = "idle"
    FROZEN = "frozen"
    UNDERFLOW = "underflow"
    NONFINITE = "nonfinite"
    UNKNOWN = "unknown"
    UNPROVEN = "unproven"

    @property
    def updates(self) -> bool:
        """Whether an optimizer step on this loss moves the module, on some batch."""
        return self in (Status.LIVE, Status.IDLE, Status.UNPROVEN)

    @property
    def decided(self) -> bool:
        """Whether the audit came to an answer that may pass: False for underflow, nonfinite and unknown."""
        return self not in (Status.UNDERFLOW, Status.NONFINITE, Status.UNKNOWN)


NO_MULTIPLE = 1e6
"""The ratio of a gradient that is no multiple of the derivative, and the largest that is told."""
HONEST_WITHIN = 0.01
STOPPED_BELOW = 1e-14


class Derivative(StrEnum):
    """What a gradient is beside the derivative of its loss.

    Attributes:
        HONEST: Equal to it.
        REVERSED: Of the other sign: a gradient reversal.
        STOPPED: Zero, although the loss depends on the module.
        ESTIMATED: Of another size, or no multiple of it: a scaled route, a straight-through estimator, a stop on a part
            of what the loss depends on.
    """

    HONEST = "honest"
    REVERSED = "reversed"
    STOPPED = "stopped"
    ESTIMATED = "estimated"

    @classmethod
    def of(cls, ratio: float | None) -> Derivative:
        """Read a `Cell.derivative_ratio`. None, which is not measured, is honest."""
        if ratio is None or abs(ratio - 1) <= HONEST_WITHIN:
            return cls.HONEST
        if abs(ratio) <= STOPPED_BELOW:
            return cls.STOPPED
        return cls.REVERSED if ratio < 0 else cls.ESTIMATED


@dataclass(frozen=True)
class Cell:
    """What one loss does to one module at one setting of the gates.

    Attributes:
        loss: Name of the loss.
        module: Name of the module: a column of the table.
        status: What the loss does to the module.
        paths: Number of paths in the autograd graph from the loss to the module's parameters. None where they cannot
            be counted.
        reached: Number of parameter tensors of the module that have a path.
        parameters: Number of trainable parameter tensors of the module.
        norm: Euclidean norm of the gradient of the unweighted loss with respect to all parameters of the module, at the
            current weights. None where it was not measured.
        share: The loss's part of the module's gradient, from 0 to 1: its weighted norm divided by the sum of the
            weighted norms of all losses. None where it was not measured.
        nonfinite: Number of entries of the gradient that are NaN or infinite.
        stops: Why the cell is absent. Each of these stops alone keeps loss and module apart; if `chained`, they lie one
            behind the other on the data path with the fewest stops, the one nearest to the loss first. Empty where
            there is no data path.
        reason: An explanation in words, where the status alone does not give it. May be empty.
        chained: Whether `stops` lie one behind the other, so that all of them keep loss and module apart.
        frozen: Number of parameter tensors of the module with ``requires_grad`` False.
        derivative_ratio: By which factor the gradient is the derivative of the loss, the change of its value when the
            weights move. 1: they are equal. -1: it is reversed. 0: it is stopped, though the loss depends on the
            module. A million: it is no multiple of the derivative, an estimator such as straight-through. None where it
            was not measured because nothing in the graph could make it other than 1, or is too small to be measured.
        held_ratio: The same with everything that is stopped held constant. Measured where the loss trains the module
            and `derivative_ratio` is a million: a reversal beside a stop is found by it.

    Examples:
        >>> cell = found.flows[0].cells["value", "encoder"]
        >>> cell.status, cell.paths, [stop.gate for stop in cell.stops]
        (<Status.ABSENT: 'absent'>, 0, ['value_trains_encoder'])
    """

    loss: str
    module: str
    status: Status
    paths: int | None = 0
    reached: int = 0
    parameters: int = 0
    norm: float | None = None
    share: float | None = None
    nonfinite: int = 0
    stops: tuple[Stop, ...] = ()
    reason: str = ""
    chained: bool = False
    frozen: int = 0
    derivative_ratio: float | None = None
    held_ratio: float | None = None

    @property
    def waits(self) -> bool:
        """Whether its gradient is still to be judged."""
        return self.status is Status.UNKNOWN and self.norm is not None and not self.reason


@dataclass(frozen=True)
class Setting:
    """One value for each gate.

    Attributes:
        values: The value of each gate, by its name.
        defaults: The default of each gate, by its name.

    Examples:
        >>> setting = target.settings([{"value_trains_encoder": True}])[0]
        >>> setting.label
        'value_trains_encoder=True'
    """

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
class Routes:
    """What one loss compares with what, and where its gradient goes and ends between the calls of modules.

    Attributes:
        terms: What is compared with what, whatever the formula: `predictor(encoder(x)) with sg(encoder(x_next))`.
        cuts: By what is stopped on its way to what, `encoder into value`: the stops that do it.
        ways: The same of what takes gradient: where it is called or compared.
        places: By term: where it is compared.
        enters: By module: the call by which the gradient enters it first.
    """

    terms: tuple[str, ...] = ()
    cuts: Mapping[str, tuple[Stop, ...]] = field(default_factory=dict)
    ways: Mapping[str, Place] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    enters: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """The gradient flow at one setting of the gates.

    Attributes:
        setting: The values of the gates.
        cells: Every cell, by the names of its loss and its module.
        stops: By loss: every place where its gradient ends.
        cosines: By module, then by pair of losses: the cosine between their gradients, from -1 to 1. Empty unless the
            audit was asked for cosines.
        called: Keys of all places that stop gradient when they run, whether or not gradient arrives there.
        routes: By loss: what it compares with what on the first batch, live or stopped. Empty where not measured.
        unused: By module: its trainable parameters that no audited loss has a path to.
        unnamed: Modules with trainable parameters that ran, and that the target does not name.
        moving: Normalisations of frozen modules whose running statistics the forward pass moves.

    Examples:
        >>> flow = found.flows[0]
        >>> flow.updated("reconstruct")
        ('encoder', 'decoder')
        >>> flow.cells["value", "value"].status
        <Status.LIVE: 'live'>
    """

    setting: Setting
    cells: Mapping[Pair, Cell]
    stops: Mapping[str, tuple[Stop, ...]]
    cosines: Mapping[str, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    called: frozenset[str] = frozenset()
    routes: Mapping[str, Routes] = field(default_factory=dict)
    unused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    moving: tuple[str, ...] = ()

    def updated(self, loss: str) -> tuple[str, ...]:
        """The modules that a loss updates: those whose cell is live or idle."""
        return tuple(module for (of, module), cell in self.cells.items() if of == loss and cell.status.updates)


@dataclass(frozen=True)
class Audit:
    """The gradient flow of a trainer: what `audit` returns.

    Attributes:
        target: Name of the target.
        shape: What the routes depend on, such as the number of frames or layers.
        losses: Names of the audited losses: the rows of the table.
        modules: Names of the modules: the columns of the table.
        flows: One for each audited setting of the gates. The default setting comes first where it was asked for.
        notes: What a reader should know about how it was measured.
        known: Names of all losses of the target, whether or not they were audited.
        gates: The gates of the target: name to values, the default first.
        weights: Weights of the losses in their sum. Empty where the target gives none.
        came_apart: Pairs of trainable parameters that hold the same numbers, and are not tied.
        steps: What real optimizer steps moved. None for a target without a step.

    Examples:
        >>> found.losses, found.modules
        (('reconstruct', 'value'), ('encoder', 'decoder', 'value'))
        >>> [flow.setting.label for flow in found.flows]
        ['default', 'value_trains_encoder=True']
    """

    target: str
    shape: Mapping[str, int | str | bool]
    losses: tuple[str, ...]
    modules: tuple[str, ...]
    flows: tuple[Flow, ...]
    notes: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    gates: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    came_apart: tuple[tuple[str, str], ...] = ()
    steps: Steps | None = None

    def with_steps(self, steps: Steps) -> Audit:
        """The same with what real steps moved; each move by the losses that have a path to its module."""
        cells = self.flows[0].cells

        def is_apart(loss: str, module: str) -> bool:
            cell = cells.get((loss, module))
            return cell is not None and cell.status in (Status.ABSENT, Status.FROZEN)

        return replace(self, steps=steps.reaching(is_apart))

    def cells(self) -> Iterator[tuple[Setting, Cell]]:
        """Every cell of every flow, with its setting."""
        for flow in self.flows:
            for cell in flow.cells.values():
                yield flow.setting, cell

    def table(self) -> pandas.DataFrame:
        """The statuses as a pandas frame: a row for each loss, a column for each module.

        With several settings, the label of the setting is the first level of the index.
        """
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
