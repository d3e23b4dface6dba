"""One forward pass of a target, on copies, and what its graph is asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from audits.errors import AuditError, nearest
from audits.grad_hooks import hooks_of
from audits.gradients import Column
from audits.graph import Graph
from audits.isolation.eager import eager
from audits.isolation.freed_memory import FREED
from audits.isolation.parameter_swap import ParameterSwap, Vary, swapped_parameters
from audits.isolation.precision import Chopped, InFloat32, InFloat64
from audits.isolation.random_state import drawn_state
from audits.isolation.retained_graphs import retained_graphs
from audits.recording.recorder import Recorder
from audits.result import Setting
from audits.target import Target, parameters_of

BATCHES = 3
"""On so many a pass is run that draws random numbers, or that the target gives too few batches for."""


Displace = Callable[[Sequence[Column]], None]


class Lower(Enum):
    """A precision below float64, for trainers that have no higher one."""

    FLOAT32 = "float32"
    CHOPPED = "chopped"
    """The digits of float32 with the range of float64."""


class NotRunnable(Exception):
    """The forward pass runs as the trainer has it, and not in float64, or not at other weights."""


@dataclass(frozen=True)
class Forward:
    """Losses of one pass, and the tensors that stand for each module's parameters in their graph."""

    losses: Mapping[str, Tensor]
    columns: Sequence[Column]
    strangers: Sequence[Tensor]
    """Parameters of modules that ran but have no name."""
    known: Sequence[str] = ()
    """All losses of the target."""
    draws: bool = False
    """Whether the pass drew random numbers."""
    draws_for_python: bool = False
    """Whether it drew any that are no tensor."""

    @cached_property
    def graph(self) -> Graph:
        return Graph(self.losses)

    @property
    def is_double(self) -> bool:
        """Whether some parameter is float64 already."""
        return torch.float64 in self._precisions

    @property
    def is_all_double(self) -> bool:
        """Whether every parameter is float64, so that the trainer's own precision is the highest there is."""
        return self._precisions <= {torch.float64, torch.complex128}

    @property
    def _precisions(self) -> set[torch.dtype]:
        dtypes = {tensor.dtype for column in self.columns for tensor in column.parameters}
        return {dtype for dtype in dtypes if dtype.is_floating_point or dtype.is_complex}

    def values(self) -> dict[str, float]:
        """The losses as numbers; none on the meta device, which has none."""
        if any(loss.is_meta for loss in self.losses.values()):
            return {}
        stacked = torch.stack([loss.detach().reshape(()).double() for loss in self.losses.values()])
        return dict(zip(self.losses, stacked.tolist(), strict=True))


@contextmanager
def forward(
    target: Target,
    setting: Setting,
    *,
    losses: Collection[str] | None = None,
    batch: int = 0,
    float64: bool = False,
    thaw: bool = False,
    rows: int | None = None,
    vary: Vary | None = None,
    lower: Lower | None = None,
    displace: Displace | None = None,
    recorder: Recorder | None = None,
    within: AbstractContextManager[object] | None = None,
) -> Iterator[Forward]:
    """Run `target` once; inside of the context its graph is there, and after it nothing is left behind.

    `batch` also seeds every random generator, so that two passes with one number draw the same. `lower` is for
    trainers whose own precision is float64. `displace` may change the copies before the pass. The trainer's code
    runs `within` a context, if given.
    """
    FREED.between_passes()
    watch = _watch(recorder, lower, within, float64=float64)
    given = target.given(batch)
    own = swapped_parameters(
        target.roots,
        reached=[target.losses],
        batch=given,
        rows=rows,
        float64=float64,
        thaw=thaw,
        vary=vary,
        seed=batch,
    )
    with own as copies, torch.enable_grad(), eager():
        before = drawn_state()
        if displace:
            displace(_columns(target, copies))
        if float64 or vary or lower or displace or thaw or rows:
            where = "in float64" if float64 else "with fewer digits" if lower else "at other weights"
            where = "on a part of the batch" if rows and not float64 else where
            where = "with all weights trainable" if thaw else where
            found = _elsewhere(target, setting, given, losses, watch, where)
        else:
            with watch, retained_graphs():
                found = target.run(setting, given)
            found = target.checked(found, setting)
        after, known, columns = drawn_state(), tuple(found), _columns(target, copies)
        found = _chosen(found, losses)  # the graphs of all others are let go
        yield Forward(found, columns, _strangers(columns, copies), known, after != before, after[1] != before[1])


@contextmanager
def _watch(
    recorder: Recorder | None, lower: Lower | None, within: AbstractContextManager[object] | None, *, float64: bool
) -> Iterator[None]:
    with ExitStack() as stack:
        if recorder:
            stack.enter_context(recorder)
        elif lower is Lower.FLOAT32:
            stack.enter_context(InFloat32())
        elif float64:
            stack.enter_context(InFloat64())
        if lower is Lower.CHOPPED:
            stack.enter_context(Chopped())
        if within:
            stack.enter_context(within)
        yield


def _elsewhere(
    target: Target,
    setting: Setting,
    given: Sequence[Any],
    only: Collection[str] | None,
    watch: AbstractContextManager[object],
    where: str,
) -> Mapping[str, Tensor]:
    try:
        with watch, retained_graphs():
            found = target.run(setting, given, only=only)
        return target.checked(found, setting)  # a loss that is not finite elsewhere says nothing about the trainer
    except Exception as error:  # code that was written for one precision may raise anything in another
        what = str(error) if isinstance(error, AuditError) else f"{type(error).__name__}: {error}"
        reason = f"the forward pass does not run {where}: {what}"
        raise NotRunnable(reason.splitlines()[0]) from error


def _chosen(found: Mapping[str, Tensor], names: Collection[str] | None) -> dict[str, Tensor]:
    unknown = [name for name in names or () if name not in found]
    if unknown:
        raise AuditError("; ".join(f"there is no loss {name!r}: {nearest(name, found)}" for name in unknown))
    return {name: loss for name, loss in found.items() if names is None or name in names}


def _columns(target: Target, copies: ParameterSwap) -> list[Column]:
    columns = []
    for name, module in target.named_modules.items():
        parameters = tuple(parameters_of(module))
        aliases = tuple(map(copies.others, parameters))
        hooks = {id(parameter): found for parameter in parameters if (found := hooks_of(parameter))}
        columns.append(Column(name, parameters, aliases, hooks))
    return columns


def _strangers(columns: Sequence[Column], copies: ParameterSwap) -> list[Tensor]:
    named = {id(tensor) for column in columns for tensor in column.tensors}
    return [parameter for parameter in copies.parameters() if id(parameter) not in named]
