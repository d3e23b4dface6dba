"""Values that are overwritten."""

import torch
from torch import Tensor, nn

from audits import Target
from tests.audits.traps.trap import LIVE, UNKNOWN, VACUOUS, linear, one_loss, points, trap


@one_loss(encoder=VACUOUS, head=LIVE)
def zeroed_without_grad(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Autograd did not see it: the path stays and the product is zero."""
    z = encoder(x)
    with torch.no_grad():
        z.zero_()
    return (z * z + head(x)).square().mean()


@one_loss(encoder=UNKNOWN, why={"encoder": "inplace"})
def overwritten_before_backward(x: Tensor, encoder: nn.Module) -> Tensor:
    """A value that backward needs is gone, and autograd says so."""
    z = encoder(x)
    y = z.exp()
    loss = y.square().mean()
    with torch.no_grad():
        y.zero_()
    return loss


@trap(expected={("broken", "encoder"): UNKNOWN, ("whole", "encoder"): LIVE})
def overwritten_beside_a_good_loss() -> Target:
    """Only one of two losses cannot be walked."""
    encoder = linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        y = z.exp()
        broken = y.square().mean()
        y.add_(1)
        return {"broken": broken, "whole": z.square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@one_loss(encoder=LIVE, head=LIVE)
def activation_in_place(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The usual way to save memory."""
    return head(torch.relu_(encoder(x) + 1)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def written_through_a_view(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A change of a view changes its base."""
    z = torch.zeros_like(x)
    z[:, :2].add_(encoder(x)[:, :2])
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def set_item(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Filled column by column."""
    z = torch.empty_like(x)
    for column in range(3):
        z[:, column] = encoder(x)[:, column]
    return head(z).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def set_item_over_everything(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What was there before is gone; autograd keeps the path and sends zeros."""
    z = encoder(x) * 1
    z[:] = x
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def set_item_by_mask(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What is masked is replaced by something learnt."""
    z = x.clone()
    z[x > 0] = encoder(x)[x > 0]
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def batch_overwritten(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The loss normalises its batch in place; the batch is not the audit's to change."""
    x.sub_(x.mean(0)).mul_(0.5)
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def summed_in_place(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A running sum."""
    total = x.new_zeros(())
    for row in head(encoder(x)):
        total += row.square().mean()
    return total
