"""A random number that leads a pass another way is found wherever it comes from; others cost no further pass."""

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal
from torch.nn.functional import dropout
from torch.utils.data import RandomSampler

from audits import Status, Target, audit, probe

Coin = Callable[[], bool]
EDGE = 0.6
"""The first number of torch's generator is below it at seed 0, and above at seed 1."""


def drawn() -> Tensor:
    return torch.rand(1) > EDGE


def sampled() -> bool:
    """Of ten thousand, the first of an order. It is a large one at one seed of three at least."""
    return next(iter(RandomSampler(range(10_000)))) in SAMPLED[1:]


def _sampled(seed: int) -> int:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return next(iter(RandomSampler(range(10_000))))


SAMPLED = [_sampled(seed) for seed in range(3)]
COINS: dict[str, Coin] = {
    "if": lambda: bool(drawn()),
    "a number": lambda: torch.rand(()).item() > EDGE,
    "an index": lambda: [False, True][drawn().long()],
    "a text": lambda: float(f"{torch.rand(()):.6f}") > EDGE,
    "a list": lambda: torch.rand(1).tolist()[0] > EDGE,
    "an array": lambda: bool(torch.rand(1).numpy()[0] > EDGE),
    "a mask": lambda: len(torch.ones(1)[drawn()]) > 0,
    "what is not zero": lambda: len(drawn().nonzero()) > 0,
    "what is selected": lambda: len(torch.ones(1).masked_select(drawn())) > 0,
    "what differs": lambda: len(torch.cat([torch.zeros(1), drawn()]).unique()) > 1,
    "what is repeated": lambda: len(torch.ones(1).repeat_interleave(drawn().long())) > 0,
    "where": lambda: len(torch.where(drawn())[0]) > 0,
    "where, by its name": lambda: len(torch.where(condition=drawn())[0]) > 0,
    "equal": lambda: torch.equal(drawn(), torch.ones(1, dtype=torch.bool)),
    "in": lambda: True in drawn(),
    "a sample of a distribution": lambda: bool(Normal(0.5, 1e-9).sample() + torch.rand(1) - 0.5 > EDGE),
    "an order of a sampler": sampled,
    "Python": lambda: random.random() < 0.5,
    "NumPy": lambda: np.random.rand() < 0.5,
}


def target(losses: Callable[[Tensor], Tensor], **modules: nn.Module) -> Target:
    return Target(modules, lambda x: {"loss": losses(x)}, [torch.ones(4, 3)])


def routed_by(coin: Coin) -> Status:
    """Of an encoder that only one side of a coin leads to; it is the other side at seed 0."""
    encoder, head = nn.Linear(3, 3), nn.Linear(3, 1)
    found = audit(target(lambda x: head(encoder(x) if coin() else x).square().mean(), encoder=encoder, head=head))
    return found.flows[0].cells["loss", "encoder"].status


@pytest.mark.parametrize("name", COINS)
def test_what_chance_leads_to_is_found(name: str) -> None:
    assert routed_by(COINS[name]) is Status.IDLE


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of which it was asked whether they route otherwise. Scripted code of other tests is not looked at."""
    asked: list[int] = []
    real = probe._routes_otherwise

    def seen(*given: Any) -> bool:
        asked.append(given[3])
        return real(*given)

    monkeypatch.setattr(probe, "_routes_otherwise", seen)
    monkeypatch.setattr(probe, "is_scripted", lambda: False)
    return asked


DRAWN: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout": lambda z: dropout(z, 0.5),
    "noise": lambda z: z + torch.randn_like(z),
    "an order": lambda z: z[torch.randperm(len(z))[:2]],
    "a mask that is written": lambda z: z.masked_fill(torch.rand_like(z) > 0.5, 0.0),
    "a distribution that checks what it is given": lambda z: Bernoulli(logits=z).sample() * z,
}


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_that_stay_in_tensors_lead_nowhere_else(name: str, passes: list[int]) -> None:
    encoder, other = nn.Linear(3, 3), nn.Linear(3, 3)
    audit(
        target(
            lambda x: DRAWN[name](encoder(x)).square().mean() + 0 * other(x).detach().sum(),
            encoder=encoder,
            other=other,
        )
    )
    assert passes == []


def test_a_number_that_leaves_its_tensor_may_lead_elsewhere(passes: list[int]) -> None:
    encoder, other = nn.Linear(3, 3), nn.Linear(3, 3)
    audit(
        target(
            lambda x: dropout(encoder(x), 0.5 + 0.1 * torch.rand(()).item()).square().mean(),
            encoder=encoder,
            other=other,
        )
    )
    assert passes == [1, 2]


def scripted(z: Tensor, x: Tensor) -> Tensor:
    if bool(torch.rand(1)[0] > 0.6):
        x = z
    return x


def test_chance_in_a_script_is_out_of_sight() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixed = torch.jit.script(scripted)
    encoder, head = nn.Linear(3, 3), nn.Linear(3, 1)
    found = audit(target(lambda x: head(mixed(encoder(x), x)).square().mean(), encoder=encoder, head=head))
    assert found.flows[0].cells["loss", "encoder"].status is not Status.ABSENT
