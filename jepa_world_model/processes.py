"""One run on several processes, started by torchrun: the rank of this one, and sums over all of them.

Each process holds an equal share of every batch. A loss that is a mean over the batch needs nothing of this: DDP
averages the gradients. A statistic of the whole batch (batch norm, SIGReg, the trimmed mean of `scale_dp`) is made of
sums over all processes, through which gradient passes. With one process every function here returns what it is given.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from jepa_world_model.errors import UserError

PATIENCE = timedelta(minutes=30)
"""How long other processes wait for the first one, which validates and writes."""

MEETING = ("MASTER_ADDR", "MASTER_PORT")
LONGEST = 9
"""Digits of a number of processes."""

T = TypeVar("T")


class PeerLost(UserError):
    """Another process of the run has ended, so this one cannot continue."""


def is_loss_of_peer(error: RuntimeError) -> bool:
    """Whether a collective failed because another process has ended."""
    return isinstance(error, dist.DistError) or any(engine in str(error).lower() for engine in ("gloo", "nccl"))


_by_itself = False


def expected() -> int:
    """Of how many processes torchrun says that this is one."""
    return _told("WORLD_SIZE", 1)


def expected_rank() -> int:
    """Which of them torchrun says that this is."""
    return _told("RANK", 0) if expected() > 1 else 0


def local_rank() -> int:
    """Which process of its machine this is: the number of its device."""
    return _told("LOCAL_RANK", 0)


def _told(name: str, otherwise: int) -> int:
    """What torchrun says in the environment. Raises UserError where somebody else wrote something there."""
    text = os.environ.get(name, str(otherwise))
    if not text.isdecimal() or len(text) > LONGEST or int(text) < otherwise:
        raise UserError(f"{name} in the environment: expected a whole number as torchrun sets it, found {text!r}")
    return int(text)


def _check_environment() -> None:
    """Raises UserError where torchrun did not start this process, though WORLD_SIZE says so."""
    missing = [name for name in ("RANK", *MEETING) if not os.environ.get(name)]
    if missing or expected_rank() >= expected():
        found = f"no {' and no '.join(missing)}" if missing else f"RANK {expected_rank()}"
        raise UserError(
            f"WORLD_SIZE in the environment says that this is one of {expected()} processes, found {found}: start them "
            "with torchrun, or unset WORLD_SIZE"
        )


@contextmanager
def joined(device_type: str) -> Iterator[None]:
    """Join the process group of torchrun, if there is one, for the duration."""
    if expected() == 1 or dist.is_initialized():
        yield
        return
    _check_environment()
    dist.init_process_group("nccl" if device_type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def by_itself() -> Iterator[None]:
    """Compute on a batch that this process does not share with others."""
    global _by_itself
    before, _by_itself = _by_itself, True
    try:
        yield
    finally:
        _by_itself = before


def count() -> int:
    """The number of processes that share the batch."""
    return dist.get_world_size() if dist.is_initialized() and not _by_itself else 1


def rank() -> int:
    """The number of this process, from zero."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this process is the one that writes files and reports."""
    return rank() == 0


def total(value: Tensor) -> Tensor:
    """The sum of `value` over all processes; each gets the gradient of all of them."""
    return _Total.apply(value) if count() > 1 else value  # pyright: ignore[reportReturnType]


def mean(value: Tensor) -> Tensor:
    """The mean of `value` over all processes."""
    return total(value) / count() if count() > 1 else value


def gathered(values: Tensor) -> Tensor:
    """Values [N, ...] of each process, one after the other. [processes x N, ...]"""
    if count() == 1:
        return values
    places = torch.zeros(count(), *values.shape, dtype=values.dtype, device=values.device)
    own = torch.arange(count(), device=values.device) == rank()
    return total(torch.where(own.view(-1, *[1] * values.dim()), values, places)).flatten(0, 1)


def agreed(wish: int, device: torch.device) -> int:
    """The largest value of any process, so that all of them learn of a request to stop."""
    if count() == 1:
        return wish
    heard = torch.tensor(wish, device=device)
    dist.all_reduce(heard, dist.ReduceOp.MAX)
    return int(heard)


def from_first(value: T) -> T:
    """What the first process has, for all."""
    if count() == 1:
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return _summed(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _summed(gradient)


def _summed(value: Tensor) -> Tensor:
    value = value.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(value)
    return value
