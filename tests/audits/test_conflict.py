"""Which losses pull a module apart: cosines over batches, against plain autograd, with an interval of the mean."""

import itertools
from statistics import fmean, stdev

import pytest
import torch
from torch import Tensor, nn

from audits import Target
from audits.conflict import LEAST, STUDENT, Conflict, conflicts

BATCHES = 6


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 3), nn.Linear(3, 2)


def losses(net: Net, x: Tensor) -> dict[str, Tensor]:
    z = net.body(x)
    return {
        "up": z.sum(),
        "down": -2 * z.sum(),
        "other": net.head(z).square().mean(),
        "alone": net.head(z.detach()).mean(),
    }


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.fixture(scope="module")
def target(net: Net) -> Target:
    torch.manual_seed(1)
    return Target(net, lambda x: losses(net, x), batches=[torch.rand(4, 3) for _ in range(BATCHES)])


def found(target: Target, **options: object) -> dict[tuple[str, str, str], Conflict]:
    pairs = conflicts(target, target.settings()[0], **options)  # type: ignore[arg-type]
    return {(pair.module, *pair.losses): pair for pair in pairs}


def test_opposed_losses_come_first_and_are_opposed_on_every_batch(target: Target) -> None:
    (first, pair), *_ = found(target).items()
    assert first == ("body", "up", "down")
    assert pair.cosines == pytest.approx([-1.0] * BATCHES)
    assert pair.interval == pytest.approx((-1.0, -1.0))


def test_cosines_are_those_of_plain_autograd(target: Target, net: Net) -> None:
    pairs = found(target)
    names = list(losses(net, target.batches[0]))
    for module, (a, b) in itertools.product(("body", "head"), itertools.combinations(names, 2)):
        expected = []
        for batch in target.batches:
            parameters = list(net.get_submodule(module).parameters())
            values = losses(net, batch)
            gradients = [
                torch.autograd.grad(values[n], parameters, retain_graph=True, allow_unused=True) for n in (a, b)
            ]
            if all(part is not None for gradient in gradients for part in gradient):
                one, two = (torch.cat([part.flatten() for part in gradient]) for gradient in gradients)
                expected.append(float(torch.nn.functional.cosine_similarity(one, two, dim=0)))
        if expected:
            assert pairs[module, a, b].cosines == pytest.approx(expected, abs=1e-5)
        else:
            assert (module, a, b) not in pairs


def test_the_interval_is_students() -> None:
    """Of three numbers, by hand: the quantile of two degrees of freedom is 4.303."""
    pair = Conflict("body", ("a", "b"), (-0.2, -0.3, -0.4))
    half = 4.303 * 0.1 / 3**0.5
    assert (pair.mean, *pair.interval) == pytest.approx((-0.3, -0.3 - half, -0.3 + half))


def test_an_interval_of_many_batches_is_the_normal_one() -> None:
    values = tuple(0.1 * (-1) ** n for n in range(60))
    pair = Conflict("body", ("a", "b"), values)
    assert pair.interval[1] == pytest.approx(fmean(values) + 1.96 * stdev(values) / 60**0.5)
    assert sorted(STUDENT, reverse=True) == list(STUDENT)


def test_an_interval_stays_among_cosines() -> None:
    assert Conflict("body", ("a", "b"), (-1.0, 0.5, -0.9)).interval[0] == -1.0


def test_too_few_batches_say_nothing(net: Net) -> None:
    short = Target(net, lambda x: losses(net, x), batches=[torch.rand(4, 3)] * (LEAST - 1))
    assert found(short) == {}


def test_only_the_asked_losses_are_compared(target: Target) -> None:
    assert set(found(target, losses=["up", "other"])) == {("body", "up", "other")}


def test_nothing_is_left_behind(target: Target, net: Net) -> None:
    before = {name: parameter.clone() for name, parameter in net.named_parameters()}
    found(target)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(parameter, before[name]) for name, parameter in net.named_parameters())


def test_progress_is_told(target: Target) -> None:
    told: list[int] = []
    found(target, on_batch=told.append)
    assert told == list(range(1, BATCHES + 1))
