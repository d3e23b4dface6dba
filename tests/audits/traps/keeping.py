"""What a trainer keeps outside of its modules: numbers, arrays, generators, tensors, objects of its own."""

import itertools
from collections import deque
from dataclasses import dataclass
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from audits import Target
from audits.isolation import parameter_swap
from tests.audits.traps.trap import LIVE, linear, points, trap

ONE = {("loss", "encoder"): LIVE}

STEP = 0
SCALES = {"now": 1.0}


def of(encoder: nn.Module, losses: Any, batch: Any = None) -> Target:
    """One module and one loss."""
    return Target({"encoder": encoder}, losses, batches=[points() if batch is None else batch])


@trap(expected=ONE, fools_backward=True)
def counter_of_a_module_of_python() -> Target:
    """A penalty at every fourth step, and a number that shrinks, both global."""
    encoder = linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        global STEP
        STEP += 1
        SCALES["now"] *= 0.5
        factor = 1.0 if STEP % 4 == 1 else 0.0
        return {"loss": factor * SCALES["now"] * encoder(x).square().mean()}

    return of(encoder, losses)


@trap(expected=ONE, fools_backward=True)
def counter_of_an_outer_function() -> Target:
    """The same, counted where the loss was made."""
    encoder, step = linear(), 0

    def losses(x: Tensor) -> dict[str, Tensor]:
        nonlocal step
        step += 1
        return {"loss": float(step % 4 == 1) * encoder(x).square().mean()}

    return of(encoder, losses)


class Own:
    """Everything that can change, in an object, some of it in slots."""

    __slots__ = ("__draws", "arrays", "history", "mean", "numbers", "older", "python", "torch")

    def __init__(self) -> None:
        self.numbers, self.older, self.torch = np.random.default_rng(1), np.random.RandomState(1), torch.Generator()
        self.__draws = 0
        self.mean, self.arrays, self.history = torch.zeros(3), (np.zeros(3, np.float32),), deque(maxlen=2)

    def noise(self, x: Tensor) -> Tensor:
        self.__draws += 1
        drawn = torch.rand(x.shape, generator=self.torch) + torch.from_numpy(self.numbers.random(x.shape, np.float32))
        with torch.no_grad():
            self.mean.lerp_(x.mean(0), 0.1)
        self.arrays[0][:] += self.older.rand()
        self.history.append(float(drawn.mean()))
        return drawn + self.mean.to(x.dtype) + torch.from_numpy(self.arrays[0])


@trap(expected=ONE)
def object_with_generators_and_statistics() -> Target:
    """Reached by way of a partial."""
    encoder, own = linear(), Own()

    def losses(own: Own, x: Tensor) -> dict[str, Tensor]:
        return {"loss": encoder(x + own.noise(x)).tanh().mean()}

    return of(encoder, partial(losses, own))


@trap(expected=ONE)
def remembered_results() -> Target:
    """A mask that is computed once, with a weight in it."""
    encoder = linear()

    @cache
    def mask(rows: int) -> Tensor:
        return encoder.weight.detach().abs().mean(0).expand(rows, 3)

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": (encoder(x) * mask(len(x))).square().mean()}

    return of(encoder, losses)


@trap(expected=ONE)
def large_memory_bank() -> Target:
    """More than is copied for fear of a write: it is kept when the write comes, through a view too."""
    encoder = linear()
    bank, other = torch.zeros(parameter_swap.COPIED // 4, 3), torch.zeros(parameter_swap.COPIED // 4, 3)

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        with torch.no_grad():
            bank[: len(x)].mul_(0.5).add_(z)
            other.index_copy_(0, torch.arange(len(x)), z.to(other.dtype))
        return {"loss": (z * (bank[: len(x)] + other[: len(x)]).detach() + z).square().mean()}

    return of(encoder, losses)


@dataclass
class Sample:
    """A batch with a tensor, an array, and a number in an object."""

    x: Tensor
    weights: np.ndarray
    more: SimpleNamespace


@trap(expected=ONE)
def batch_that_is_written_to() -> Target:
    """Everywhere: tensor, array, attribute, key."""
    encoder = linear()

    def losses(batch: dict[str, Any]) -> dict[str, Tensor]:
        sample = batch["sample"]
        sample.x.sub_(sample.x.mean(0))
        sample.weights /= sample.weights.sum()
        sample.more.pair[0].neg_()
        sample.more.extra, batch["seen"] = sample.x, True
        rows = torch.from_numpy(sample.weights)[:, None] * encoder(sample.x + sample.more.pair[0])
        return {"loss": rows.square().mean()}

    return of(
        encoder,
        losses,
        {"sample": Sample(points(), np.ones(4, np.float32), SimpleNamespace(pair=(points(1), 0)))},
    )


@trap(expected=ONE)
def packed_sequence() -> Target:
    """A batch whose parts have no common length."""
    encoder = nn.GRU(3, 3)
    packed = pack_padded_sequence(points(0, 4, 2, 3), torch.tensor([4, 2]))

    def losses(batch: PackedSequence) -> dict[str, Tensor]:
        out, _ = encoder(batch)
        return {"loss": pad_packed_sequence(out)[0].square().mean()}

    return of(encoder, losses, packed)


class Pairs(nn.Module):
    """Means in a tuple, weights in an object that is no module, an array, and a graph from the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.shift = linear(), np.zeros(3, np.float32)
        self.means, self.last = (torch.zeros(3), [torch.zeros(3)]), None

    def forward(self, x: Tensor) -> Tensor:
        self.means[0].add_(1)
        self.means[1][0].add_(1)
        self.shift += 1
        z = self.layer(x + self.means[0] + self.means[1][0] + torch.from_numpy(self.shift))
        z = z if self.last is None else z + self.last
        self.last = z
        return z


@trap(expected=ONE)
def module_with_tuples_and_arrays() -> Target:
    """Nothing of it is a buffer."""
    encoder = Pairs()
    return of(encoder, lambda x: {"loss": encoder(x).square().mean()})


class Counting:
    """Counts in its class, where all trainers of a kind have one number."""

    calls = 0
    means: Tensor = torch.zeros(3)

    def __init__(self, encoder: nn.Module) -> None:
        self.encoder, self.batches, self.numbers = encoder, iter([points(n) for n in range(100)]), itertools.count()
        self.factors = itertools.cycle([1.0, 0.0, 0.0])

    def losses(self) -> dict[str, Tensor]:
        Counting.calls += 1
        Counting.means.add_(1)
        factor = 1.0 if next(self.numbers) % 4 == 0 and Counting.calls % 4 == 1 else 0.0
        return {"loss": factor * next(self.factors) * self.encoder(next(self.batches) + self.means).square().mean()}


@trap(expected=ONE, fools_backward=True)
def counts_in_a_class_and_in_an_iterator() -> Target:
    """Only every fourth step counts; batches come from an iterator of the trainer's own."""
    encoder = linear()
    return Target({"encoder": encoder}, Counting(encoder).losses)


@trap(expected=ONE)
def layer_appended_in_the_step() -> Target:
    """A network that grows."""
    encoder = nn.ModuleList([linear()])

    def losses(x: Tensor) -> dict[str, Tensor]:
        encoder.append(linear())
        for layer in encoder:
            x = layer(x)
        return {"loss": x.square().mean()}

    return of(encoder, losses)
