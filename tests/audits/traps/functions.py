"""Custom Functions: backward is whatever somebody wrote."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from audits import Target
from tests.audits.traps.trap import ABSENT, LIVE, NONFINITE, UNKNOWN, VACUOUS, linear, one_loss, points, trap


class NoGradient(Function):
    """The same value; backward says None."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> None:
        return None


class Factor(Function):
    """The same value; backward multiplies by a number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None


class FirstOnly(Function):
    """A sum whose second summand gets nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class Rounded(Function):
    """Rounding whose backward pretends that nothing happened, and cannot be differentiated again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Codes(Function):
    """A value and its code; the code has no derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        code = x.round()
        ctx.mark_non_differentiable(code)
        return x.clone(), code

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> Tensor:
        return gradient


class Doubled(Function):
    """Doubles its input in place."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class Broken(Function):
    """Backward was never finished."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        raise NotImplementedError("no derivative of Broken yet")


class Buggy(Function):
    """Backward reads what forward never saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * ctx.factor


class Turned(Function):
    """Turns by a matrix that is float32, forwards and backwards."""

    turn = torch.eye(3).flip(0)

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x @ Turned.turn

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient @ Turned.turn.T


class Hidden(Function):
    """Runs a module whose parameters autograd is never told about."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, module: nn.Module) -> Tensor:
        return module(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class Reversible(Function):
    """Runs a module without a graph and rebuilds it in backward, as reversible networks do to save memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, module: nn.Module) -> Tensor:
        ctx.module = module
        ctx.save_for_backward(x)
        return module(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None]:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            again = x.detach().requires_grad_()
            ctx.module(again).backward(gradient)
        return again.grad, None


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "NoGradient"})
def returns_none(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The graph shows a path that the gradient never takes."""
    return head(NoGradient.apply(encoder(x))).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def returns_none_beside_another_way(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Closed here, open there."""
    z = encoder(x)
    return (head(NoGradient.apply(z)) + z).square().mean()


@one_loss(encoder=LIVE, head=ABSENT, why={"head": "FirstOnly"})
def returns_none_for_one_input(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """One input of two."""
    return FirstOnly.apply(encoder(x), head(x)).square().mean()


@one_loss(encoder=VACUOUS, head=LIVE)
def returns_zeros(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Gradient arrives, and is zero."""
    return head(Factor.apply(encoder(x), 0.0)).square().mean()


@one_loss(encoder=NONFINITE, head=LIVE)
def returns_nan(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Gradient arrives, and is no number."""
    return head(Factor.apply(encoder(x), float("nan"))).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def gradient_reversal(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Domain adaptation: backwards is a direction too."""
    return head(Factor.apply(encoder(x), -1.0)).square().mean()


@trap(
    expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE},
    at={"strength=0.0": {("loss", "encoder"): VACUOUS, ("loss", "head"): LIVE}},
)
def scaled_by_a_gate() -> Target:
    """The routing hangs on a number, and the graph looks the same for all of them."""
    encoder, head = linear(), linear()

    def losses(x: Tensor, strength: float) -> dict[str, Tensor]:
        return {"loss": head(Factor.apply(encoder(x), strength)).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, [points()], gates={"strength": (1.0, 0.0)})


@one_loss(encoder=LIVE, head=LIVE)
def straight_through(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A detach on the way that stops nothing."""
    z = encoder(x)
    return head(z + (z.round() - z).detach()).square().mean()


@one_loss(encoder=LIVE, head=LIVE)
def straight_through_function(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The same as a Function."""
    return head(Rounded.apply(encoder(x))).square().mean()


@trap(
    expected={
        ("value", "encoder"): LIVE,
        ("value", "head"): LIVE,
        ("code", "encoder"): ABSENT,
        ("code", "head"): LIVE,
    }
)
def one_output_without_a_derivative() -> Target:
    """Two outputs of one Function, and only one has a gradient."""
    encoder, head = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        value, code = Codes.apply(encoder(x))
        return {"value": head(value).square().mean(), "code": head(code).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


@one_loss(encoder=LIVE, head=LIVE)
def function_in_place(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """A Function that writes to its input."""
    return head(Doubled.apply(encoder(x))).square().mean()


@one_loss(encoder=UNKNOWN, why={"encoder": "Broken"})
def raises_in_backward(x: Tensor, encoder: nn.Module) -> Tensor:
    """There is a path, and no way to walk it."""
    return Broken.apply(encoder(x)).square().mean()


@one_loss(encoder=UNKNOWN, why={"encoder": "factor"})
def raises_an_attribute_error_in_backward(x: Tensor, encoder: nn.Module) -> Tensor:
    """A plain programming mistake, which shows only backwards."""
    return Buggy.apply(encoder(x)).square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN})
def constant_in_backward(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Backward has operations of its own, and they have a precision too."""
    return head(Turned.apply(encoder(x))).square().mean()


@cache
def opaque() -> Callable[[Tensor], Tensor]:
    """An operation registered with torch, without a derivative. Once in a process."""

    @torch.library.custom_op("traps::opaque", mutates_args=())
    def operation(x: Tensor) -> Tensor:
        return x.clone()

    return operation


@one_loss(encoder=UNKNOWN, why={"encoder": "opaque"})
def operation_without_a_derivative(x: Tensor, encoder: nn.Module) -> Tensor:
    """A registered operation nobody wrote a derivative for: in the graph, and an error backwards."""
    return opaque()(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=ABSENT, probe=LIVE)
def parameters_hidden_from_autograd(x: Tensor, encoder: nn.Module, head: nn.Module, probe: nn.Module) -> Tensor:
    """The module runs, and its parameters are no inputs of the Function."""
    return probe(Hidden.apply(encoder(x), head)).square().mean()


@one_loss(encoder={LIVE, UNKNOWN}, head={LIVE, UNKNOWN}, probe={LIVE, UNKNOWN})
def backward_inside_backward(x: Tensor, encoder: nn.Module, head: nn.Module, probe: nn.Module) -> Tensor:
    """A parameter that is in no graph gets its gradient all the same."""
    return probe(Reversible.apply(encoder(x), head)).square().mean()
