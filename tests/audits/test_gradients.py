"""Gradients are measured as they arrive, and are let go; cosines are exact although few gradients are kept at once."""

import itertools
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isnan

import pytest
import torch
from torch import Tensor, nn

from audits import Target, audit, cosines
from audits.gradients import Column, measure
from audits.graph import Graph
from audits.isolation import freed_memory
from audits.sketch import GROUP


class Net(nn.Module):
    """A sparse embedding, a complex parameter, tied weights, and a head that one loss reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 4, sparse=True)
        self.body = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))
        self.phase = nn.ParameterList([nn.Parameter(torch.randn(4, dtype=torch.complex64))])
        self.tied = nn.Linear(4, 4)
        self.twin = nn.Linear(4, 4)
        self.twin.weight = self.tied.weight
        self.head = nn.Linear(4, 1)


def losses(net: Net, x: Tensor) -> dict[str, Tensor]:
    e = net.words(x)
    z = net.body(e)
    turned = (z * net.phase[0]).abs()
    return {
        "size": z.square().mean(),
        "turned": turned.mean(),
        "tied": net.tied(turned).square().sum(),
        "twin": net.twin(z).sum(),
        "zero": (net.twin(z) * 0.0).sum(),
        "head": net.head(z.detach()).sum(),
        "tiny": 1e-20 * net.head(e).sum(),
    }


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def target(net: Net) -> Target:
    return Target(net, lambda x: losses(net, x), batches=[torch.randint(20, (5,))])


def plain(net: Net, x: Tensor, module: str) -> dict[str, Tensor]:
    """Of each loss that reaches a module: its gradient there, in float64 numbers."""
    own = list(getattr(net, module).parameters())
    found = {}
    for name, loss in losses(net, x).items():
        gradients = torch.autograd.grad(loss, own, retain_graph=True, allow_unused=True)
        if any(gradient is not None for gradient in gradients):
            parts = [torch.zeros_like(p) if g is None else g.to_dense() for p, g in zip(own, gradients, strict=True)]
            real = [torch.view_as_real(part) if part.is_complex() else part for part in parts]
            found[name] = torch.cat([part.flatten().double() for part in real])
    return found


@pytest.mark.parametrize("kept", [0, 100, 2**25])
def test_cosines_are_those_of_plain_autograd_however_few_gradients_are_kept(
    net: Net, target: Target, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cosines, "LEAST", kept)
    monkeypatch.setattr(cosines, "KEPT", 0)
    found = audit(target, cosines=True).flows[0].cosines
    for module, angles in found.items():
        gradients = plain(net, target.batches[0], module)
        assert list(angles) == list(itertools.combinations(gradients, 2))
        for (a, b), cosine in angles.items():
            one, other = gradients[a], gradients[b]
            if one.norm() and other.norm():
                assert cosine == pytest.approx(float(one @ other / one.norm() / other.norm()), abs=1e-5), (module, a, b)
            else:
                assert isnan(cosine)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Bytes of the gradients of each round."""
    sizes: list[int] = []
    add = cosines._Grams.add

    def counting(grams: cosines._Grams, kept: cosines._Kept) -> None:
        sizes.append(sum(row.nbytes for rows in kept.rows.values() for row in rows.values()))
        add(grams, kept)

    monkeypatch.setattr(cosines._Grams, "add", counting)
    yield sizes


def test_no_round_keeps_more_than_it_may(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cosines, "LEAST", 200)
    monkeypatch.setattr(cosines, "KEPT", 0)
    with counted(monkeypatch) as sizes:
        audit(target, cosines=True)
    assert len(sizes) > 5
    assert max(sizes) <= 200


def test_a_large_gradient_is_gone_when_the_next_one_arrives() -> None:
    width = int(GROUP**0.5) + 1
    net = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(4)))
    found: Mapping[str, Tensor] = {"loss": net(torch.randn(1, width)).sum()}
    alive: list[int] = []
    seen: list[weakref.ref[Tensor]] = []

    def look(_loss: str, _number: int, gradient: Tensor) -> None:
        alive.append(sum(ref() is not None for ref in seen))
        seen.append(weakref.ref(gradient))

    measured = measure(found, [Column("net", tuple(net.parameters()))], Graph(found), take=look)
    assert alive == [0, 0, 0, 0]
    assert len(measured.numbers["loss", "net"]) == 4
    assert all(parameter.grad is None and parameter._backward_hooks is None for parameter in net.parameters())


def test_the_hooks_of_a_parameter_come_first_and_stay() -> None:
    weight = nn.Parameter(torch.ones(3))
    weight.register_hook(lambda gradient: 5 * gradient)
    found = {"loss": weight.sum()}
    measured = measure(found, [Column("weight", [weight])], Graph(found))
    assert measured.norms["loss", "weight"] == pytest.approx(5 * 3**0.5)
    assert len(weight._backward_hooks or {}) == 1
    assert measured.nonfinite == {}


def test_numbers_that_are_not_finite_are_counted() -> None:
    weight, other = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(4))
    found = {"loss": (weight * torch.tensor([1.0, float("inf"), float("nan")])).sum() + other.sum()}
    measured = measure(found, [Column("both", [weight, other])], Graph(found))
    assert measured.nonfinite == {("loss", "both"): 2}


def test_freed_memory_is_given_back_when_a_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    size, free, given = 10 * freed_memory.MUCH, 0, list[int]()

    class Library:
        @staticmethod
        def malloc_trim(_pad: int) -> None:
            nonlocal size
            size -= free
            given.append(free)

    monkeypatch.setattr(freed_memory, "_resident", lambda: size)
    monkeypatch.setattr(freed_memory, "_library", Library)
    freed = freed_memory.FreedMemory()
    freed.between_passes()  # all that a process has at first
    size += 5 * freed_memory.MUCH
    freed.give_back()  # grown, and nothing of it was free
    freed.give_back()  # not asked again
    assert given == [0, 0]
    free = 4 * freed_memory.MUCH  # a pass has ended
    freed.give_back()
    assert given == [0, 0]
    freed.between_passes()
    freed.between_passes()
    assert given == [0, 0, free]
