"""What a trap is, and the two ways to write one down.

    @one_loss(encoder=VACUOUS, head=LIVE)
    def times_zero(x, encoder, head):
        \"""A term that is switched off by a factor keeps its path.\"""
        return (0 * encoder(x) + head(x)).square().mean()

A parameter beside the batch is a module: linear, unless `parts` says otherwise. What needs more than one loss, or
gates, or an error, is a builder under `@trap`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from audits import Target
from audits.result import Status

ABSENT, LIVE, VACUOUS, IDLE = Status.ABSENT, Status.LIVE, Status.VACUOUS, Status.IDLE
FROZEN, NONFINITE, UNKNOWN = Status.FROZEN, Status.NONFINITE, Status.UNKNOWN
UNDERFLOW = Status.UNDERFLOW

LOSS = "loss"

Cells = Mapping[tuple[str, str], Status | set[Status]]
"""By loss and module: the status, or all that are right."""

TRAPS: dict[str, Trap] = {}


@dataclass(frozen=True, eq=False)
class Trap:
    """A small trainer, and what an audit of it must say."""

    name: str
    meaning: str
    builder: Callable[[], Target]
    expected: Mapping[str, Cells]
    """By label of the setting; empty where the audit must be refused."""
    paths: Mapping[tuple[str, str], int]
    """Number of paths at the default setting, where it is worth a word."""
    why: Mapping[tuple[str, str], str]
    """What the reason of a cell, or one of its stops, must name."""
    error: str | None
    """What the message of the AuditError must name."""
    fools_backward: bool
    """Whether one backward pass in the given precision, the naive check, may give another answer."""
    settings: str = "default"

    def target(self) -> Target:
        """Built anew, always with the same weights."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.builder()

    def right(self, setting: str, loss: str, module: str) -> set[Status]:
        """The statuses that are right for a cell. Raises KeyError for a cell that should not be there."""
        status = self.expected[setting][loss, module]
        return {status} if isinstance(status, Status) else status


def trap(
    *,
    expected: Cells | None = None,
    at: Mapping[str, Cells] | None = None,
    paths: Mapping[tuple[str, str], int] | None = None,
    why: Mapping[tuple[str, str], str] | None = None,
    error: str | None = None,
    fools_backward: bool = False,
    settings: str = "default",
) -> Callable[[Callable[[], Target]], Trap]:
    """Register the target that a function builds. `at` adds the cells of further settings, by label.

    Raises ValueError for a name that is taken.
    """

    def register(builder: Callable[[], Target]) -> Trap:
        name = builder.__name__
        if name in TRAPS:
            raise ValueError(f"two traps are called {name!r}")
        cells = {"default": expected, **(at or {})} if expected else {}
        meaning = inspect.getdoc(builder) or ""
        asked = "all" if at else settings
        TRAPS[name] = Trap(name, meaning, builder, cells, paths or {}, why or {}, error, fools_backward, asked)
        return TRAPS[name]

    return register


def one_loss(
    *,
    parts: Mapping[str, Callable[[], nn.Module]] | None = None,
    batches: Sequence[Any] | None = None,
    paths: Mapping[str, int] | None = None,
    why: Mapping[str, str] | None = None,
    fools_backward: bool = False,
    **expected: Status | set[Status],
) -> Callable[[Callable[..., Tensor]], Trap]:
    """Register a loss function of a batch and of some modules; `expected`, `paths` and `why` are by module."""

    def register(function: Callable[..., Tensor]) -> Trap:
        _, *modules = inspect.signature(function).parameters

        def build() -> Target:
            made = {name: (parts or {}).get(name, linear)() for name in modules}
            given = [points()] if batches is None else batches
            return Target(made, lambda x: {LOSS: function(x, **made)}, batches=given)

        build.__name__, build.__doc__ = function.__name__, function.__doc__
        return trap(
            expected=_of_one_loss(expected),
            paths=_of_one_loss(paths),
            why=_of_one_loss(why),
            fools_backward=fools_backward,
        )(build)

    return register


def _of_one_loss(by_module: Mapping[str, Any] | None) -> dict[tuple[str, str], Any]:
    return {(LOSS, module): value for module, value in (by_module or {}).items()}


def linear() -> nn.Linear:
    """The module of which most traps are made."""
    return nn.Linear(3, 3)


def points(seed: int = 0, *shape: int) -> Tensor:
    """Gaussian numbers, of shape [4, 3] unless one is given."""
    return torch.randn(shape or (4, 3), generator=torch.Generator().manual_seed(seed))


class Scale(nn.Module):
    """A factor for each feature: each use is exactly one path."""

    def __init__(self, value: float = 1.0, features: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((features,), value))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Shift(nn.Module):
    """A summand for each feature."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, -0.2, 0.7]))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias
