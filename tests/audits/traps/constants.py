"""Losses that left the graph, or were never in it: a row of the table, with the line that did it where there is one."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Variable

from audits import Target
from tests.audits.traps.trap import ABSENT, IDLE, LIVE, LOSS, linear, one_loss, points, trap


@one_loss(encoder=ABSENT, why={"encoder": "encoder(x).mean().item()"})
def loss_is_an_item(x: Tensor, encoder: nn.Module) -> Tensor:
    """`.item()` was called too early."""
    return encoder(x).mean().item()  # type: ignore[return-value]


@one_loss(encoder=ABSENT, why={"encoder": "float(mean)"})
def loss_is_a_float_among_logged_numbers(x: Tensor, encoder: nn.Module) -> Tensor:
    """The number that the loss is, and no other, is the one to blame."""
    mean = encoder(x).mean()
    _logged = mean.square().item(), encoder(x).std().item()
    return float(mean)  # type: ignore[return-value]


@one_loss(encoder=ABSENT, why={"encoder": "numpy()"})
def loss_of_numpy(x: Tensor, encoder: nn.Module) -> Tensor:
    """A mean by the other library."""
    return np.mean(encoder(x).detach().numpy())  # type: ignore[return-value]


@one_loss(encoder=ABSENT, why={"encoder": "torch.tensor(loss, requires_grad=True)"})
def loss_as_a_new_tensor(x: Tensor, encoder: nn.Module) -> Tensor:
    """The error message went away, and so did the training."""
    loss = encoder(x).mean()
    return torch.tensor(loss, requires_grad=True)


@one_loss(encoder=ABSENT, why={"encoder": "torch.tensor([encoder(x).mean(), encoder(x).std()])"})
def losses_as_a_list(x: Tensor, encoder: nn.Module) -> Tensor:
    """A tensor of tensors is made of their numbers."""
    return torch.tensor([encoder(x).mean(), encoder(x).std()]).sum()


@one_loss(encoder=ABSENT, why={"encoder": "loss.data"})
def loss_as_a_variable(x: Tensor, encoder: nn.Module) -> Tensor:
    """As it was written long ago."""
    loss = encoder(x).mean()
    return Variable(loss.data, requires_grad=True)


@one_loss(encoder=ABSENT, why={"encoder": "Variable(loss, requires_grad=True)"})
def loss_wrapped_as_a_variable(x: Tensor, encoder: nn.Module) -> Tensor:
    """Without a word of detaching."""
    loss = encoder(x).mean()
    return Variable(loss, requires_grad=True)


@one_loss(encoder=ABSENT, why={"encoder": "nn.Parameter(loss)"})
def loss_as_a_parameter(x: Tensor, encoder: nn.Module) -> Tensor:
    """A leaf of its own."""
    loss = encoder(x).mean()
    return nn.Parameter(loss)


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "nn.Parameter(encoder(x))"})
def features_as_a_parameter(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Halfway to the loss."""
    return head(nn.Parameter(encoder(x))).square().mean()


@trap(expected={("fit", "encoder"): LIVE, ("extra", "encoder"): ABSENT}, why={("extra", "encoder"): "constant"})
def loss_switched_off() -> Target:
    """A number stands in its place."""
    encoder = linear()
    return Target({"encoder": encoder}, lambda x: {"fit": encoder(x).mean(), "extra": 0.0}, batches=[points()])


@trap(expected={("all", "encoder"): LIVE, ("some", "encoder"): LIVE})
def loss_is_a_number_on_a_later_batch() -> Target:
    """Nothing to match there."""
    return _matching([True, True, False, False], [False] * 4)


@trap(expected={("all", "encoder"): LIVE, ("some", "encoder"): IDLE}, fools_backward=True)
def loss_is_a_number_on_the_first_batch() -> Target:
    """Nothing to match here."""
    return _matching([False] * 4, [True, True, False, False])


def _matching(*masks: list[bool]) -> Target:
    encoder = linear()

    def losses(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor | float]:
        x, mask = batch
        cost = encoder(x).square().mean(-1)
        return {"all": cost.mean(), "some": cost[mask].mean() if mask.any() else 0.0}

    return Target({"encoder": encoder}, losses, [(points(), torch.tensor(mask)) for mask in masks])  # type: ignore[arg-type]


@trap(
    expected={("fit", "encoder"): LIVE, ("log", "encoder"): ABSENT, ("input", "encoder"): ABSENT},
    why={("log", "encoder"): "detach()", ("input", "encoder"): "no data path"},
)
def one_row_for_each_loss() -> Target:
    """A loss that is none keeps nobody from an answer about the others."""
    encoder = linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        loss = encoder(x).square().mean()
        return {"fit": loss, "log": loss.detach(), "input": x.square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={(LOSS, "encoder"): ABSENT}, why={(LOSS, "encoder"): "no_grad"})
def nothing_trains() -> Target:
    """A step that is decorated as an evaluation."""
    encoder = linear()

    @torch.no_grad()
    def losses(x: Tensor) -> dict[str, Tensor]:
        return {LOSS: encoder(x).square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])
