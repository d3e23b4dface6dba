"""A finite loss whose gradient is NaN or infinite."""

import torch
from torch import Tensor, nn

from audits import Target
from tests.audits.traps.trap import LIVE, NONFINITE, VACUOUS, Scale, linear, one_loss, points, trap

WITH_ZERO = torch.tensor([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]])


@one_loss(encoder=NONFINITE, parts={"encoder": Scale}, batches=[WITH_ZERO])
def where_beside_sqrt(x: Tensor, encoder: nn.Module) -> Tensor:
    """The branch that is not taken has an infinite slope, and zero times infinity is NaN."""
    z = encoder(x)
    return torch.where(z > 0, z.sqrt(), torch.zeros_like(z)).mean()


@one_loss(encoder=NONFINITE, parts={"encoder": Scale}, batches=[WITH_ZERO])
def where_beside_log(x: Tensor, encoder: nn.Module) -> Tensor:
    """The logarithm of nothing, masked."""
    z = encoder(x)
    return torch.where(z > 0, z.log(), torch.zeros_like(z)).mean()


@one_loss(encoder=NONFINITE, parts={"encoder": Scale}, batches=[WITH_ZERO])
def where_beside_division(x: Tensor, encoder: nn.Module) -> Tensor:
    """Zero divided by zero, masked."""
    z = encoder(x)
    return torch.where(z > 0, z / z.square(), torch.zeros_like(z)).mean()


@one_loss(encoder=NONFINITE, head=LIVE)
def distance_of_nothing(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A norm by hand, of two equal points."""
    difference = encoder(x) - encoder(x)
    return difference.square().sum().sqrt() + head(x).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def norm_of_nothing(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The norm of torch takes zero as its slope at zero."""
    return (encoder(x) - encoder(x)).norm() + head(x).square().mean()


@one_loss(encoder=NONFINITE, parts={"encoder": Scale}, batches=[torch.ones(4, 3)])
def angle_of_equals(x: Tensor, encoder: nn.Module) -> Tensor:
    """The arc cosine is vertical at one."""
    return encoder(x).acos().mean()


@one_loss(encoder=NONFINITE, head=LIVE)
def row_all_masked(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Softmax over minus infinities, its NaN mended only on the way forward."""
    mask = torch.zeros(3).masked_fill(torch.ones(3, dtype=torch.bool), -torch.inf)
    return ((encoder(x) + mask).softmax(-1).nan_to_num() + head(x)).square().mean()


@one_loss(
    encoder=NONFINITE,
    head=NONFINITE,
    parts={"encoder": Scale, "head": Scale},
    batches=[WITH_ZERO + 1, WITH_ZERO],
    fools_backward=True,
)
def nonfinite_on_a_later_batch(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The first batch has no zero in it."""
    z = head(encoder(x))
    return torch.where(z > 0, z.sqrt(), torch.zeros_like(z)).mean()


@one_loss(encoder=NONFINITE, head=LIVE, parts={"encoder": Scale}, batches=[WITH_ZERO])
def nonfinite_before_the_head(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What comes after the infinite slope is not hurt by it."""
    z = encoder(x)
    return head(torch.where(z > 0, z.sqrt(), torch.zeros_like(z))).square().mean()


@trap(
    expected={
        ("good", "encoder"): LIVE,
        ("good", "head"): LIVE,
        ("bad", "encoder"): NONFINITE,
        ("bad", "head"): NONFINITE,
    }
)
def nonfinite_beside_a_good_loss() -> Target:
    """Two losses share a graph, and only one of them is spoilt."""
    encoder, head = Scale(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = head(encoder(x))
        return {"good": z.square().mean(), "bad": (z - z).square().sum().sqrt()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])
