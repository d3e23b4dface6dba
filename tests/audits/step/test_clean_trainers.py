"""Trainers without a fault: nothing is found, and what moves is told as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest
import torch

from audits import Target
from audits.moves import Steps
from audits.step.real_steps import real_steps
from tests.audits.step.clean_trainers import CLEAN, X

MOVES = {
    "vae": {"adam": {"encoder": ("recon", "kl"), "decoder": ("recon", "kl")}},
    "gan": {"of_critic": {"critic": ("d_loss",)}, "of_generator": {"generator": ("g_loss",)}},
    "byol": {"optimizer": {"online": ("byol",), "predictor": ("byol",)}, "": {"slow": ()}},
    "sac": {
        "actor_opt": {"actor": ("policy.mean()",)},
        "q_opt": {"q": ("critic",)},
        "alpha_opt": {"log_alpha": ("temperature",)},
        "": {"q_target": ()},
    },
    "frozen_teacher": {"adamw": {"student": ("distil",)}},
    "frozen_embedding": {"optimizer": {"head": ("loss",)}},
    "moved_by_hand": {"": {"model": ()}},
    "delayed_actor": {"of_critic": {"critic": ("fit",)}, "of_actor": {"actor": ("policy",)}},
    "sparse": {"sparse": {"table": ("loss",)}, "sgd": {"head": ("loss",)}},
}


@cache
def steps_of(name: str) -> Steps:
    torch.manual_seed(0)
    return real_steps(CLEAN[name]())


def told(steps: Steps) -> dict[str, dict[str, tuple[str, ...]]]:
    """By optimizer: the modules that move, with the losses by which they do."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for move in steps.moves:
        if move.moved:
            found.setdefault(move.optimizer, {})[move.module] = move.losses
    return found


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_found(name: str) -> None:
    steps = steps_of(name)
    assert steps.findings == ()
    assert steps.count >= 2 or name == "moved_by_hand"


@pytest.mark.parametrize("name", MOVES)
def test_what_moves_is_told_with_its_losses(name: str) -> None:
    assert told(steps_of(name)) == MOVES[name]


def test_an_average_is_told_with_its_rate() -> None:
    (slow,) = (move for move in steps_of("byol").of("") if move.module == "slow")
    assert slow.reason == "average of online, 0.99"
    (target,) = (move for move in steps_of("sac").of("") if move.module == "q_target")
    assert target.reason == "average of q, 0.995"


def test_weights_are_read_off_the_gradient() -> None:
    assert steps_of("vae").weights["adam"] == {"recon": 1.0, "kl": 0.1}
    assert steps_of("ppo").weights["optimizer"] == {"surrogate": 1.0, "fit": 0.5, "entropy": -0.01}
    assert steps_of("scaled").weights["optimizer"] == {"fit": 1.0, "size": 0.5}  # the scale of the scaler is no weight


def test_a_change_is_as_large_as_the_step() -> None:
    model = torch.nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

    def step(x: torch.Tensor) -> dict[str, torch.Tensor]:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    expected, twin = [], copy.deepcopy(model)
    for _ in range(2):  # the same by hand
        weights = list(twin.parameters())
        gradients = torch.autograd.grad(twin(X).square().mean(), weights)
        size, change = (torch.cat([each.detach().reshape(-1) for each in many]).norm() for many in (weights, gradients))
        expected.append(float(0.5 * change / size))
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.data -= 0.5 * gradient
    (move,) = real_steps(Target({"model": model}, step=step, batches=[X])).moves
    assert move.relative == pytest.approx(max(expected), rel=1e-4)


@pytest.mark.parametrize("name", ["byol", "sac", "recurrent", "scaled"])
def test_nothing_is_left_behind(name: str) -> None:
    torch.manual_seed(0)
    target = CLEAN[name]()
    before = content(target)
    drawn = torch.get_rng_state()
    real_steps(target)
    assert all(torch.equal(one, other) for one, other in zip(before, content(target), strict=True))
    assert torch.equal(drawn, torch.get_rng_state())
    for root in target.root_modules:
        assert all(each.grad is None and not each._post_accumulate_grad_hooks for each in root.parameters())


def content(target: Target) -> list[torch.Tensor]:
    return [each.detach().clone() for root in target.root_modules for each in root.state_dict().values()]


def test_patches_are_gone_after_an_error() -> None:
    from torch.optim import Optimizer

    before = torch.autograd.backward, Optimizer.zero_grad, torch.nn.Module.zero_grad, torch.amp.GradScaler.step

    def step(_: torch.Tensor) -> None:
        raise KeyError("of the trainer")

    with pytest.raises(KeyError, match="of the trainer"):
        real_steps(Target({"model": torch.nn.Linear(1, 1)}, lambda _: {}, batches=[X], step=step))
    after = torch.autograd.backward, Optimizer.zero_grad, torch.nn.Module.zero_grad, torch.amp.GradScaler.step
    assert before == after


def rated(rates: list[float]) -> Callable[[], Target]:
    """A trainer whose learning rate is given by the step."""

    def make() -> Target:
        model = torch.nn.Linear(4, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda at: rates[min(at, len(rates) - 1)])

        def step(x: torch.Tensor) -> None:
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
            schedule.step()

        return Target({"model": model}, lambda x: {"loss": model(x).square().mean()}, batches=[X], step=step)

    return make


def test_a_warm_up_that_starts_at_zero_is_a_note() -> None:
    steps = real_steps(rated([0.0, 0.1])())
    assert steps.findings == ()
    assert steps.moved("optimizer") == ("model",)
    assert steps.notes == (
        "optimizer moves nothing in 1 of 2 steps: its learning rate is 0 there, such as at the start of a warm-up",
    )


def test_a_learning_rate_of_zero_is_the_reason() -> None:
    steps = real_steps(rated([0.0])())
    assert [move.reason for move in steps.moves] == ["the learning rate is 0"]
    assert steps.findings == ()


def test_a_step_that_the_scaler_skips_is_the_reason() -> None:
    model = torch.nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu")

    def step(x: torch.Tensor) -> None:
        optimizer.zero_grad()
        scaler.scale(model(x).sum() * float("inf")).backward()
        scaler.step(optimizer)
        scaler.update()

    steps = real_steps(Target({"model": model}, lambda x: {"loss": model(x).sum()}, batches=[X], step=step))
    assert steps.findings == ()
    (move,) = steps.moves
    assert (move.optimizer, move.moved) == ("optimizer", 0)
    assert "scaler" in move.reason
