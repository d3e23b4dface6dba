"""How a loss is declared: a pure function whose parameters name what it reads.

    @loss(weight=1.0, updates="predictor, h_to_z", meaning="ẑ_{t+1} with sg(z_{t+1})")
    def jepa(z_hat: Tensor, sg_z: Tensor) -> Tensor: ...

A parameter is a state (`states.py`), an input or a module of the model. The prefix `sg_` makes a state stop-grad;
`frozen_` keeps gradient from the parameters of a module.

This declaration is the source of all that is known of a loss, `updates` included: the weights of a config and the page
docs/losses.md are made from it. What the audit measures (`routing.json`), what docs/gradient_flow.md documents and what
the specification demands is compared with it by tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from jepa_world_model.errors import nearest
from jepa_world_model.gradient import frozen, stop

if TYPE_CHECKING:
    from torch import Tensor

LOSSES: dict[str, Loss] = {}


class Readable(Protocol):
    """Where a loss finds what it reads: the states of a batch (`states.py`)."""

    @property
    def names(self) -> list[str]: ...

    def __contains__(self, name: str) -> bool: ...

    def __getitem__(self, name: str) -> Any: ...


@dataclass(frozen=True)
class Read:
    """One parameter of a loss."""

    parameter: str

    @property
    def stopped(self) -> bool:
        return self.parameter.startswith("sg_")

    @property
    def frozen(self) -> bool:
        return self.parameter.startswith("frozen_")

    @property
    def name(self) -> str:
        """The state, input or module that is read."""
        return self.parameter.removeprefix("sg_").removeprefix("frozen_")

    def of(self, states: Readable) -> object:
        """What the loss gets."""
        value = states[self.name]
        return stop(value) if self.stopped else frozen(value) if self.frozen else value


@dataclass(frozen=True)
class Loss:
    """A declared loss. Calling it with the states of a batch gives a scalar."""

    name: str
    weight: float
    updates: tuple[str, ...]
    meaning: str
    frames: int
    horizon: int
    selective: bool
    """Whether it concerns only some of the frames, such as those of one place: it is zero where a batch has none."""
    reads: tuple[Read, ...]
    function: Callable[..., Tensor]

    @property
    def family(self) -> str:
        """The file that declares it: ``inverse_dynamics``."""
        return self.function.__module__.rpartition(".")[2]

    def __call__(self, states: Readable) -> Tensor:
        """Raises AttributeError when a parameter names nothing that states or model have."""
        for read in self.reads:
            if read.name not in states:
                hint = nearest(read.name, states.names, otherwise="")
                raise AttributeError(
                    f"loss {self.name!r} reads {read.name!r}, which is neither a state nor a module. {hint}"
                )
        return self.function(**{read.parameter: read.of(states) for read in self.reads})


def loss(
    *,
    weight: float = 0.0,
    updates: str,
    meaning: str,
    frames: int = 2,
    horizon: int = 1,
    selective: bool = False,
) -> Callable[[Callable[..., Tensor]], Loss]:
    """Declare a loss under the function's name.

    `weight` is the default, `updates` the modules that get gradient at the default gates; `frames` and `horizon` are
    the shortest window and the shallowest rollout with which the loss is defined; a `selective` one may be zero for
    want of frames that it concerns. Raises ValueError for a name that is taken.
    """

    def declare(function: Callable[..., Tensor]) -> Loss:
        name = function.__name__
        if name in LOSSES:
            raise ValueError(f"two losses are called {name!r}")
        modules = tuple(module.strip() for module in updates.split(","))
        reads = tuple(map(Read, inspect.signature(function).parameters))
        LOSSES[name] = Loss(name, weight, modules, meaning, frames, horizon, selective, reads, function)
        return LOSSES[name]

    return declare


def families() -> dict[str, list[Loss]]:
    """All losses by family, in the order of declaration."""
    found: dict[str, list[Loss]] = {}
    for each in LOSSES.values():
        found.setdefault(each.family, []).append(each)
    return found
