"""torch.func: parameters as arguments, derivatives inside the forward pass, one graph for many rows."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, jvp, stack_module_state, vmap

from audits import Target
from tests.audits.traps.parameters import frozen_linear
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, linear, one_loss, points, trap


@one_loss(encoder=LIVE, head=ABSENT, why={"head": "detach()"})
def called_with_detached_parameters(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Gradient passes through a module whose parameters are frozen for this call alone."""
    parameters = {name: parameter.detach() for name, parameter in head.named_parameters()}
    return functional_call(head, parameters, (encoder(x),)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def called_with_perturbed_parameters(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The parameters of the call are computed from the real ones."""
    parameters = {name: 1.01 * parameter for name, parameter in head.named_parameters()}
    return functional_call(head, parameters, (encoder(x),)).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def mapped_over_rows(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A module inside vmap."""
    return vmap(lambda row: head(encoder(row)))(x).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def inner_step(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Meta-learning: a loss after one step of gradient descent."""
    parameters: dict[str, Any] = dict(head.named_parameters())

    def inner(parameters: dict[str, Any]) -> Tensor:
        return functional_call(head, parameters, (encoder(x),)).square().mean()

    steps = grad(inner)(parameters)
    after = {name: parameter - 0.1 * steps[name] for name, parameter in parameters.items()}
    return inner(after)


@one_loss(encoder=LIVE, head=LIVE)
def jacobian_penalty(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A penalty on a Jacobian that is computed row by row."""
    return vmap(jacrev(lambda row: head(encoder(row).tanh())))(x).square().mean()


@one_loss(encoder=LIVE, head=ABSENT)
def directional_derivative(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Forward mode inside, reverse mode outside."""
    slope = jvp(lambda x: encoder(x).tanh(), (x,), (torch.ones_like(x),))[1]
    return slope.square().mean() + 0 * head(x).detach().mean()


@one_loss(encoder=LIVE, head=LIVE)
def gradient_penalty(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A gradient inside the forward pass, differentiated again."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(head(encoder(x).tanh()).sum(), x, create_graph=True)
    return slope.square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def gradient_penalty_on_the_batch(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The batch itself is made to require grad, and must not do so afterwards."""
    x.requires_grad_()
    (slope,) = torch.autograd.grad(head(encoder(x).tanh()).sum(), x, create_graph=True)
    return slope.square().mean()


@one_loss(encoder=FROZEN, head=LIVE, parts={"encoder": frozen_linear})
def frozen_and_mapped_over_rows(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A frozen module inside vmap."""
    return head(vmap(lambda row: encoder(row))(x)).square().mean()


@one_loss(encoder=ABSENT, head=LIVE)
def gradient_as_a_number(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A gradient without a graph of its own is a constant."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(encoder(x).square().sum(), x)
    return head(slope).square().mean()


@trap(expected={("loss", "first"): ABSENT, ("loss", "second"): ABSENT, ("loss", "head"): LIVE})
def stacked_ensemble() -> Target:
    """The stacked parameters of an ensemble are new leaves: the members they came from learn nothing."""
    first, second, head = linear(), linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        parameters, buffers = stack_module_state([first, second])
        z = vmap(lambda p, b: functional_call(first, (p, b), (x,)))(parameters, buffers)
        return {"loss": head(z).square().mean()}

    return Target({"first": first, "second": second, "head": head}, losses, batches=[points()])
