"""Who owns a parameter, and whether it may move."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, Scale, linear, one_loss, points, trap


def frozen_linear() -> nn.Linear:
    return linear().requires_grad_(False)


def partly_frozen() -> nn.Linear:
    layer = linear()
    layer.weight.requires_grad_(False)
    return layer


class Children(nn.Module):
    """Modules and parameters by name, as the children of one."""

    def __init__(self, **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


@trap(expected={("loss", "encoder"): LIVE, ("loss", "decoder"): LIVE})
def tied_weights() -> Target:
    """One weight under two names, and only one of the two modules runs."""
    encoder, decoder = linear(), linear()
    decoder.weight = encoder.weight
    return Target(
        {"encoder": encoder, "decoder": decoder}, lambda x: {"loss": encoder(x).square().mean()}, batches=[points()]
    )


@trap(expected={("loss", "first"): LIVE, ("loss", "second"): LIVE}, paths={("loss", "first"): 1, ("loss", "second"): 1})
def one_module_under_two_names() -> Target:
    """Given by name."""
    part = Scale()
    return Target({"first": part, "second": part}, lambda x: {"loss": part(x).mean()}, batches=[points()])


@trap(expected={("loss", "first"): LIVE, ("loss", "second"): LIVE})
def one_child_under_two_names() -> Target:
    """`named_children` hides the second name."""
    part = Scale()
    model: Any = Children(first=part, second=part)
    return Target(model, lambda x: {"loss": model.first(x).mean()}, batches=[points()])


@trap(expected={("loss", "model"): LIVE, ("loss", "encoder"): LIVE, ("loss", "head"): ABSENT})
def module_inside_another() -> Target:
    """A whole and its parts, side by side."""
    model: Any = Children(encoder=linear(), head=linear())
    named = {"model": model, "encoder": model.encoder, "head": model.head}
    return Target(named, lambda x: {"loss": model.encoder(x).square().mean()}, batches=[points()])


@one_loss(encoder=LIVE, parts={"encoder": Scale}, paths={"encoder": 2})
def same_module_twice(x: Tensor, encoder: nn.Module) -> Tensor:
    """Two uses are two paths."""
    return encoder(encoder(x)).mean()


@one_loss(encoder=LIVE, head=FROZEN, probe=LIVE, parts={"head": frozen_linear})
def frozen_head(x: Tensor, encoder: nn.Module, head: nn.Module, probe: nn.Module) -> Tensor:
    """Gradient passes through it and leaves nothing there."""
    return probe(head(encoder(x))).square().mean()


@one_loss(encoder=FROZEN, head=LIVE, parts={"encoder": frozen_linear})
def frozen_encoder(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """At the start of the chain: autograd does not know it."""
    return head(encoder(x)).square().mean()


@one_loss(encoder=FROZEN, middle=FROZEN, head=LIVE, parts={"encoder": frozen_linear, "middle": frozen_linear})
def frozen_chain(x: Tensor, encoder: nn.Module, middle: nn.Module, head: nn.Module) -> Tensor:
    """One frozen module behind another."""
    return head(middle(encoder(x))).square().mean()


@one_loss(encoder=FROZEN, head=FROZEN, parts={"encoder": frozen_linear, "head": frozen_linear})
def everything_frozen(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The loss is in no graph at all."""
    return head(encoder(x)).square().mean()


@one_loss(student=LIVE, teacher=FROZEN, parts={"teacher": frozen_linear})
def frozen_teacher(x: Tensor, student: nn.Module, teacher: nn.Module) -> Tensor:
    """Nothing but requires_grad keeps it still."""
    return F.mse_loss(student(x), teacher(x))


@one_loss(student=LIVE, teacher=ABSENT, parts={"teacher": frozen_linear})
def frozen_and_stopped_teacher(x: Tensor, student: nn.Module, teacher: nn.Module) -> Tensor:
    """Thawing it would change nothing: there is no path."""
    return F.mse_loss(student(x), teacher(x).detach())


@one_loss(encoder=ABSENT, head=LIVE, parts={"encoder": frozen_linear}, why={"encoder": "detach()"})
def frozen_behind_a_stop(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The same without the student."""
    return head(encoder(x).detach()).square().mean()


@one_loss(encoder=LIVE, spare=ABSENT, parts={"spare": frozen_linear})
def frozen_and_unused(x: Tensor, encoder: nn.Module, spare: nn.Module) -> Tensor:
    """Frozen, and nobody calls it."""
    return encoder(x).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": partly_frozen})
def partly_frozen_encoder(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Only the bias learns; that is enough."""
    return head(encoder(x)).square().mean()


@one_loss(encoder=FROZEN, head=LIVE, parts={"encoder": partly_frozen})
def only_the_frozen_part_is_used(x: Tensor, encoder: nn.Linear, head: nn.Module) -> Tensor:
    """The bias would learn, but nobody adds it."""
    return head(x @ encoder.weight.T).square().mean()


@one_loss(encoder=LIVE, spare=ABSENT)
def unused_module(x: Tensor, encoder: nn.Module, spare: nn.Module) -> Tensor:
    """Nobody calls it."""
    return encoder(x).square().mean()


@one_loss(encoder=LIVE, spare=ABSENT)
def unused_output(x: Tensor, encoder: nn.Module, spare: nn.Module) -> Tensor:
    """Called, and its result dropped."""
    spare(encoder(x))
    return encoder(x).square().mean()


class Bag(nn.Module):
    """Parameters in a Python list, which `parameters()` does not find."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = [nn.Parameter(torch.ones(3))]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weights[0]


@one_loss(bag=ABSENT, head=LIVE, parts={"bag": Bag})
def parameters_in_a_list(x: Tensor, bag: nn.Module, head: nn.Module) -> Tensor:
    """No optimiser will ever see them."""
    return head(bag(x)).square().mean()


@trap(expected={("own", "encoder"): ABSENT, ("both", "encoder"): LIVE})
def parameter_of_nobody() -> Target:
    """It puts a loss into the autograd graph and belongs to no module."""
    encoder, free = linear(), nn.Parameter(torch.ones(3))

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"own": (x * free).square().mean(), "both": (encoder(x) * free).square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "temperature"): LIVE, ("loss", "unused"): ABSENT})
def parameter_on_the_model() -> Target:
    """A parameter directly on the model counts as a module of its own name."""
    model: Any = Children(
        encoder=linear(), temperature=nn.Parameter(torch.tensor(2.0)), unused=nn.Parameter(torch.tensor(1.0))
    )
    return Target(model, lambda x: {"loss": (model.encoder(x) / model.temperature).square().mean()}, batches=[points()])


@one_loss(encoder=LIVE, activation=ABSENT, parts={"activation": nn.Tanh})
def module_without_parameters(x: Tensor, encoder: nn.Module, activation: nn.Module) -> Tensor:
    """Nothing there to update."""
    return activation(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=ABSENT)
def part_of_a_weight(x: Tensor, encoder: nn.Linear, head: nn.Module) -> Tensor:
    """A module that never runs, one row of its weight read from outside."""
    return (x @ encoder.weight[0]).square().mean()


@one_loss(
    codes=LIVE,
    parts={"codes": lambda: Children(values=nn.Parameter(torch.ones(3)), empty=nn.Parameter(torch.ones(0)))},
)
def empty_parameter(x: Tensor, codes: Any) -> Tensor:
    """A parameter without an element."""
    return (x * codes.values).square().mean() + codes.empty.sum()


@one_loss(
    codes=LIVE,
    parts={
        "codes": lambda: Children(
            values=nn.Parameter(torch.ones(3)), order=nn.Parameter(torch.tensor([2, 0, 1]), requires_grad=False)
        )
    },
)
def integer_parameter(x: Tensor, codes: Any) -> Tensor:
    """Integers stay integers in every precision."""
    return (x[:, codes.order] * codes.values).square().mean()


@one_loss(weights=LIVE, parts={"weights": lambda: nn.ParameterList([nn.Parameter(torch.ones(3)) for _ in range(2)])})
def parameter_list(x: Tensor, weights: nn.ParameterList) -> Tensor:
    """A module that is never called, only read."""
    return (x * weights[1]).square().mean()


class Positive(nn.Parameter):
    """A parameter that stands for its exponential."""

    def value(self) -> Tensor:
        return self.exp()


@one_loss(codes=LIVE, parts={"codes": lambda: Children(scale=Positive(torch.zeros(3)))})
def parameter_of_its_own_class(x: Tensor, codes: Any) -> Tensor:
    """A parameter with a method."""
    return (x * codes.scale.value()).square().mean()


@trap(expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE})
def graph_from_before() -> Target:
    """Features that were computed once, with their graph, before anybody asked for an audit."""
    encoder, head = linear(), linear()
    features = encoder(points(1))
    return Target(
        {"encoder": encoder, "head": head},
        lambda x: {"loss": F.mse_loss(head(x), features)},
        batches=[points()],
    )


@trap(expected={("loss", "encoder"): LIVE})
def module_without_a_name() -> Target:
    """A module that the target does not name runs too, and keeps statistics."""
    encoder, backbone = linear(), nn.Sequential(linear(), nn.BatchNorm1d(3))
    return Target({"encoder": encoder}, lambda x: {"loss": encoder(backbone(x)).square().mean()}, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE})
def weight_of_zero() -> Target:
    """A loss that the trainer does not count is audited all the same."""
    encoder = linear()
    return Target(
        {"encoder": encoder},
        lambda x: {"loss": encoder(x).square().mean()},
        batches=[points()],
        weights={"loss": 0.0},
    )
