"""`GradientAudit`, called as the trainers of Lightning and of Hugging Face call their callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audits import AuditWarning, GradientAudit

X = torch.linspace(-1, 1, 32).reshape(8, 4)


class Model(nn.Module):
    """Two modules and two losses."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(4, 4)
        self.losses: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        self.losses = {"recon": (self.decoder(z) - x).square().mean(), "size": z.square().mean()}
        return self.losses["recon"] + 0.1 * self.losses["size"]


def lightning(callback: Any, model: Model, steps: int = 5, *, zero: bool = True) -> None:
    """The hooks of Lightning that are called of every callback, around a step as it makes one."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = object()
    assert isinstance(callback.state_key, str)
    for hook in ("setup", "on_fit_start", "on_sanity_check_start", "on_train_start", "on_train_epoch_start"):
        getattr(callback, hook)(trainer, model)
    for number in range(steps):
        callback.on_train_batch_start(trainer, model, X, number)
        loss = model(X)
        if zero:
            optimizer.zero_grad()
        callback.on_before_backward(trainer, model, loss)
        loss.backward()
        callback.on_after_backward(trainer, model)
        callback.on_before_optimizer_step(trainer, model, optimizer)
        optimizer.step()
        callback.on_train_batch_end(trainer, model, None, X, number)
    assert callback.state_dict() == {}
    for hook in ("on_train_epoch_end", "on_train_end", "on_fit_end", "teardown"):
        getattr(callback, hook)(trainer, model)


def hugging_face(callback: Any, model: Model, steps: int = 5) -> None:
    """The events of its `CallbackHandler`, which takes what is not None for the control of the trainer."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    args, state, control = object(), object(), object()

    def event(name: str) -> None:
        assert getattr(callback, name)(args, state, control, model=model, optimizer=optimizer) is None

    for name in ("on_init_end", "on_train_begin", "on_epoch_begin"):
        event(name)
    for _ in range(steps):
        event("on_step_begin")
        model(X).backward()
        event("on_pre_optimizer_step")
        optimizer.step()
        event("on_optimizer_step")
        optimizer.zero_grad()
        event("on_step_end")
    event("on_train_end")


def test_lightning_is_watched_with_the_losses_of_its_module() -> None:
    seen: list[Any] = []
    callback = GradientAudit(losses="losses", every=2, to=[seen.append], weights={"size": 0.1})
    lightning(callback, Model())
    assert [sample.step for sample in seen] == [0, 2, 4]
    assert seen[0].routing == {("recon", "encoder"), ("recon", "decoder"), ("size", "encoder")}
    assert callback.watching.steps.weights == {"optimizer": {"recon": 1.0, "size": 0.1}}
    assert callback.watching.findings == ()


def test_without_named_losses_the_sum_is_measured() -> None:
    callback = GradientAudit()
    lightning(callback, Model())
    assert callback.watching.sample.routing == {("loss", "encoder"), ("loss", "decoder")}


def test_a_fault_of_lightning_s_step_is_a_warning() -> None:
    with pytest.warns(AuditWarning, match="zero_grad is missing"):
        lightning(GradientAudit(losses=lambda module: module.losses), Model(), zero=False)


def test_hugging_face_is_watched_by_the_gradient_that_is_there() -> None:
    seen: list[Any] = []
    model = Model()
    callback = GradientAudit(every=3, to=[seen.append])
    hugging_face(callback, model)
    assert [sample.step for sample in seen] == [0, 3]
    gradients = torch.autograd.grad(model(X), list(model.decoder.parameters()))
    assert set(seen[-1].norms) == {("loss", "encoder"), ("loss", "decoder")}
    assert 0 < seen[-1].norms["loss", "decoder"] < 10 * float(torch.cat([each.flatten() for each in gradients]).norm())
    assert callback.watching.steps.moved("optimizer") == ("encoder", "decoder")


def test_an_exception_leaves_no_patch_behind() -> None:
    before = torch.autograd.backward
    callback = GradientAudit()
    callback.on_train_start(object(), Model())
    assert torch.autograd.backward is not before
    callback.on_exception(object(), object(), KeyError())
    assert torch.autograd.backward is before


@pytest.fixture(autouse=True)
def _patches_are_gone() -> Iterator[None]:
    before = torch.autograd.backward
    yield
    assert torch.autograd.backward is before


def test_what_is_no_hook_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'order'"):
        GradientAudit().order  # noqa: B018
