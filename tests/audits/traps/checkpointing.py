"""Activations that are computed anew, moved away or compressed between forward and backward."""

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from audits import Target
from tests.audits.traps.trap import ABSENT, LIVE, UNKNOWN, VACUOUS, linear, one_loss, points, trap


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN}, probe={LIVE, UNKNOWN})
def reentrant(x: Tensor, encoder: nn.Module, head: nn.Module, probe: nn.Module) -> Tensor:
    """Parameters inside are in no graph: `autograd.grad` misses them, `backward` does not."""
    return probe(checkpoint(head, encoder(x), use_reentrant=True)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def reentrant_without_gradient_at_the_inputs(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The well-known mistake: nothing that goes in requires grad, so nothing inside is trained."""
    return head(checkpoint(encoder, x, use_reentrant=True)).square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={VACUOUS, UNKNOWN})
def reentrant_times_zero(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What runs inside gets zero."""
    return checkpoint(lambda z: z + 0 * head(z), encoder(x), use_reentrant=True).square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN}, spare={ABSENT, UNKNOWN})
def reentrant_and_unused(x: Tensor, encoder: nn.Module, head: nn.Module, spare: nn.Module) -> Tensor:
    """What runs inside for nothing."""

    def block(z: Tensor) -> Tensor:
        spare(z)
        return head(z)

    return checkpoint(block, encoder(x), use_reentrant=True).square().mean()


@trap(
    expected={
        ("plain", "encoder"): LIVE,
        ("plain", "head"): ABSENT,
        ("checkpointed", "encoder"): {LIVE, UNKNOWN},
        ("checkpointed", "head"): {LIVE, UNKNOWN},
    }
)
def reentrant_beside_a_plain_loss() -> Target:
    """A loss that does not pass the checkpoint is decided."""
    encoder, head = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        return {
            "plain": z.square().mean(),
            "checkpointed": checkpoint(head, z, use_reentrant=True).square().mean(),
        }

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): {LIVE, UNKNOWN}})
def reentrant_beside_a_parameter_of_nobody() -> Target:
    """Going backward through such a checkpoint fills every `.grad`, also one that no module owns."""
    encoder, free = linear(), nn.Parameter(torch.ones(3))

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": checkpoint(encoder, x * free, use_reentrant=True).square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@one_loss(encoder=LIVE, head=LIVE)
def non_reentrant(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The graph is whole."""
    return checkpoint(lambda x: head(encoder(x).tanh()), x, use_reentrant=False).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def non_reentrant_around_a_stop(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A stop inside is a stop."""
    return checkpoint(lambda x: head(encoder(x).detach()).tanh(), x, use_reentrant=False).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"head": lambda: nn.Sequential(linear(), nn.Dropout(0.5), linear())})
def non_reentrant_with_dropout(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The random numbers are drawn a second time, in the backward pass."""
    return checkpoint(head, encoder(x), use_reentrant=False).square().mean()


@one_loss(
    encoder=LIVE,
    chain=LIVE,
    parts={"chain": lambda: nn.Sequential(*(layer for _ in range(4) for layer in (linear(), nn.Tanh())))},
)
def non_reentrant_in_segments(x: Tensor, encoder: nn.Module, chain: nn.Sequential) -> Tensor:
    """One checkpoint after another."""
    return checkpoint_sequential(chain, 2, encoder(x), use_reentrant=False).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def non_reentrant_nested(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """One checkpoint inside another."""

    def block(x: Tensor) -> Tensor:
        return head(checkpoint(encoder, x, use_reentrant=False).tanh())

    return checkpoint(block, x, use_reentrant=False).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def saved_elsewhere(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What is saved for the backward pass is moved to another memory."""
    with save_on_cpu():
        return head(encoder(x).tanh()).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def saved_compressed(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What is saved for the backward pass comes back rounded."""

    def unpack(saved: tuple[torch.dtype, Tensor]) -> Tensor:
        return saved[1].to(saved[0])

    with saved_tensors_hooks(lambda tensor: (tensor.dtype, tensor.to(torch.bfloat16)), unpack):
        return head(encoder(x).tanh()).square().mean()
