"""Hooks: gradient is changed, or something happens, on its way."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from audits import Target
from tests.audits.traps.trap import LIVE, UNKNOWN, VACUOUS, linear, one_loss, points, trap

MIXING = torch.eye(3) + 0.1


@one_loss(encoder=VACUOUS, head=LIVE)
def hook_that_zeroes(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A stop in disguise."""
    z = encoder(x)
    z.register_hook(torch.zeros_like)
    return head(z).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def hook_that_clips(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What is left is small and alive."""
    z = encoder(x)
    z.register_hook(lambda gradient: gradient.clamp(-1e-6, 1e-6))
    return head(z).square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN})
def hook_with_a_constant(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A hook that mixes features by a matrix made long ago."""
    z = encoder(x)
    z.register_hook(lambda gradient: gradient @ MIXING)
    return head(z).square().mean()


def linear_whose_gradient_is_zeroed() -> nn.Linear:
    layer = linear()
    for parameter in layer.parameters():
        parameter.register_hook(torch.zeros_like)
    return layer


@one_loss(encoder=VACUOUS, head=LIVE, parts={"encoder": linear_whose_gradient_is_zeroed})
def hook_on_the_parameters(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Frozen in another way."""
    return head(encoder(x)).square().mean()


def linear_that_sends_nothing_back() -> nn.Linear:
    layer = linear()
    layer.register_full_backward_hook(lambda module, inputs, outputs: tuple(map(torch.zeros_like, inputs)))
    return layer


@one_loss(encoder=VACUOUS, head=LIVE, parts={"head": linear_that_sends_nothing_back})
def hook_on_a_module(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The module learns and what lies before it does not."""
    return head(encoder(x)).square().mean()


def linear_that_steps_by_itself() -> nn.Linear:
    """Takes a step as soon as its gradient is complete, so that no gradient has to be kept."""
    layer = linear()

    def step(parameter: Any) -> None:
        with torch.no_grad():
            parameter.sub_(parameter.grad, alpha=0.1)
        parameter.grad = None

    for parameter in layer.parameters():
        parameter.register_post_accumulate_grad_hook(step)
    return layer


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": linear_that_steps_by_itself}, fools_backward=True)
def optimiser_in_the_backward_pass(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A backward pass would train it, and leave no gradient to look at."""
    return head(encoder(x)).square().mean()


@trap(expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE})
def hook_that_remembers() -> Target:
    """A forward hook collects outputs, as feature extractors do; the list must not grow."""
    encoder, head = linear(), linear()
    seen: Any = []
    encoder.seen = seen
    encoder.register_forward_hook(lambda module, inputs, output: seen.append(output))

    def losses(x: Tensor) -> dict[str, Tensor]:
        encoder(x)
        return {"loss": head(seen.pop()).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


def scaled(factor: float, gradient: Tensor) -> Tensor:
    return factor * gradient


@trap(
    expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE},
    at={"factor=0.0": {("loss", "encoder"): VACUOUS, ("loss", "head"): LIVE}},
)
def hook_with_a_gate() -> Target:
    """The graph is the same, only the hook differs."""
    encoder, head = linear(), linear()

    def losses(x: Tensor, factor: float) -> dict[str, Tensor]:
        z = encoder(x)
        z.register_hook(partial(scaled, factor))
        return {"loss": head(z).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, [points()], gates={"factor": (0.1, 0.0)})
