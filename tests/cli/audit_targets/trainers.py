"""A trainer of two losses and one gate, small enough to be audited in milliseconds, and what can be wrong with one.

Each function is a `--target`. The flow of `audit_target` is in `FLOW.md` beside this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from audits import Target

FEATURES = 4


class Trainer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(FEATURES, FEATURES)
        self.head = nn.Linear(FEATURES, 2)
        self.critic = nn.Linear(FEATURES, 1)

    def losses(self, x: Tensor, *, critic_trains_encoder: bool = False) -> dict[str, Tensor]:
        features = self.encoder(x)
        judged = features if critic_trains_encoder else features.detach()
        return {"task": self.head(features).square().mean(), "value": self.critic(judged).square().mean()}


def _target(losses: Callable[[Trainer, Tensor], Any] | None = None, **changes: Any) -> Target:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trainer, batch = Trainer(), torch.rand(3, FEATURES)
    own = {"gates": {"critic_trains_encoder": [False, True]}} if losses is None else {}
    given = trainer.losses if losses is None else lambda x: losses(trainer, x)
    return Target(
        **{"modules": trainer, "losses": given, "batches": [batch], "name": "small_trainer", **own, **changes}
    )


def audit_target() -> Target:
    return _target()


def with_losses_as_list() -> Target:
    return _target(lambda trainer, x: list(trainer.losses(x).values()))


def without_losses() -> Target:
    return _target(lambda trainer, x: {})


def with_a_vector() -> Target:
    return _target(lambda trainer, x: {"task": trainer.head(trainer.encoder(x))})


def with_a_complex_loss() -> Target:
    return _target(lambda trainer, x: {"task": trainer.head(trainer.encoder(x)).sum().to(torch.complex64)})


def with_a_float() -> Target:
    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"].item()})


def with_a_constant() -> Target:
    return _target(lambda trainer, x: {**trainer.losses(x), "penalty": torch.tensor(1.0)})


def with_nan() -> Target:
    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"] * float("nan")})


def with_an_infinite_loss() -> Target:
    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"] / 0})


def with_losses_that_raise() -> Target:
    return _target(lambda trainer, x: {"task": trainer.head(x[:, :3])})  # the line that torch stumbles over


def with_losses_that_fail_at_one_setting() -> Target:
    def losses(x: Tensor, *, half: bool = False) -> dict[str, Tensor]:
        return trainer.losses(x[:, : FEATURES // 2] if half else x)

    trainer = Trainer()
    return replace(_target(modules=trainer), losses=losses, gates={"half": [False, True]})


def with_a_step_that_raises() -> Target:
    def step(x: Tensor) -> None:
        raise ArithmeticError("no more batches")  # in its step

    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"]}, step=step)


def with_a_step_that_returns_numbers() -> Target:
    return replace(_target(), losses=None, gates={}, step=lambda x: {"task": 1.0})


def with_a_step_that_is_none() -> Target:
    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"]}, step=3)


def with_optimizers_as_list() -> Target:
    return _target(lambda trainer, x: {"task": trainer.losses(x)["task"]}, optimizers=[1])


def with_losses_that_exit() -> Target:
    return _target(lambda trainer, x: sys.exit(0))


def with_a_gate_that_losses_do_not_take() -> Target:
    return _target(gates={"detach_everything": [False, True]})


def with_a_gate_without_values() -> Target:
    return _target(gates={"critic_trains_encoder": []})


def with_a_gate_of_text() -> Target:
    return _target(gates={"critic_trains_encoder": "yes"})


def with_a_gate_of_one_value() -> Target:
    return _target(gates={"critic_trains_encoder": True})


def with_gates_as_list() -> Target:
    return _target(gates=["critic_trains_encoder"])


def without_modules() -> Target:
    return _target(modules={})


def without_parameters() -> Target:
    return _target(modules=nn.ReLU())


def that_needs(device: str, seed: int) -> Target:
    raise AssertionError(f"called with {device}, {seed}")


def that_raises() -> Target:
    raise LookupError("no weights here")


def that_exits() -> Target:
    sys.exit("no device")


def that_returns_a_module() -> nn.Module:
    return Trainer()


def that_returns_nothing() -> None:
    audit_target()
