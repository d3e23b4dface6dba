"""What training steps do besides computing losses: freeze, clear, step, set modes, replace weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.parameters import frozen_linear
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, linear, one_loss, points, trap


@one_loss(encoder=LIVE, head={FROZEN, ABSENT})
def frozen_for_a_moment(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A discriminator is frozen inside the generator's loss, and thawed again."""
    head.requires_grad_(False)
    loss = head(encoder(x)).square().mean()
    head.requires_grad_(True)
    return loss


@one_loss(encoder=LIVE, head={FROZEN, ABSENT})
def frozen_for_good(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The loss forgets to thaw it; the audit must not."""
    head.requires_grad_(False)
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"head": frozen_linear})
def thawed(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Frozen by whoever built it, trained by the loss."""
    head.requires_grad_(True)
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def left_in_eval(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The loss changes the mode of a module and does not change it back."""
    encoder.eval()
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def gradients_cleared(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The forward pass clears gradients, as a training step does at its start."""
    for module in (encoder, head):
        module.zero_grad()
    return head(encoder(x)).square().mean()


@trap(expected={("loss", "encoder"): LIVE, ("decay", "encoder"): LIVE})
def parameters_listed_beforehand() -> Target:
    """Weight decay over a list that was made when the trainer was."""
    encoder = linear()
    trainable = list(encoder.parameters())

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": encoder(x).square().mean(), "decay": torch.stack([weight.norm() for weight in trainable]).sum()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("decay", "encoder"): LIVE})
def parameters_of_an_optimiser() -> Target:
    """Weight decay over what the optimiser holds, without a batch."""
    encoder = linear()
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)

    def losses() -> dict[str, Tensor]:
        return {"decay": torch.stack([weight.norm() for weight in optimiser.param_groups[0]["params"]]).sum()}

    return Target({"encoder": encoder}, losses)


@trap(expected={("loss", "encoder"): LIVE})
def gradients_cleared_by_an_optimiser() -> Target:
    """The optimiser holds the parameters themselves."""
    encoder = linear()
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)

    def losses(x: Tensor) -> dict[str, Tensor]:
        optimiser.zero_grad()
        return {"loss": encoder(x).square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "critic"): LIVE})
def step_of_an_inner_optimiser() -> Target:
    """The critic is trained inside of the step, before its verdict is used."""
    encoder, critic = linear(), linear()
    optimiser = torch.optim.Adam(critic.parameters(), lr=0.1)

    def losses(x: Tensor) -> dict[str, Tensor]:
        critic(encoder(x).detach()).square().mean().backward()
        optimiser.step()
        return {"loss": critic(encoder(x)).tanh().mean()}

    return Target({"encoder": encoder, "critic": critic}, losses, batches=[points()])


class MadeLate(nn.Module):
    """Makes its layer when it first sees an input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "layer"):
            self.layer = nn.Linear(x.shape[-1], 3)
        return self.layer(x * self.scale)


@one_loss(encoder=LIVE, parts={"encoder": MadeLate})
def layer_made_at_the_first_call(x: Tensor, encoder: nn.Module) -> Tensor:
    """After an audit the first call is still to come."""
    return encoder(x).square().mean()


@one_loss(encoder=LIVE)
def weight_replaced(x: Tensor, encoder: nn.Linear) -> Tensor:
    """Weights are clipped by putting a new parameter in the place of the old one."""
    encoder.weight = nn.Parameter(encoder.weight.detach().clamp(-0.1, 0.1))
    return encoder(x).square().mean()


@one_loss(encoder=LIVE)
def weight_clipped_in_place(x: Tensor, encoder: nn.Linear) -> Tensor:
    """The same on the old one."""
    encoder.weight.data.clamp_(-0.1, 0.1)
    return F.normalize(encoder(x), dim=-1)[:, 0].mean()
