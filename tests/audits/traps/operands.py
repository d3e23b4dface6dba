"""Operands that lend their shape, type or device, and no value: what was computed from them gets nothing."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, LOSS, linear, one_loss, points, trap


def frozen_linear() -> nn.Linear:
    """Its shape may be asked for as well."""
    return nn.Linear(3, 3).requires_grad_(False)


LENDING: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "expand_as": lambda a, b: a.mean(0).expand_as(b),
    "view_as": lambda a, b: a.flatten().view_as(b),
    "reshape_as": lambda a, b: a.t().reshape_as(b),
    "type_as": lambda a, b: a.double().type_as(b),
    "to_other": lambda a, b: a.double().to(b),
    "meshgrid": lambda a, b: torch.meshgrid(a[:, 0], b[:, 0], indexing="ij")[0],
    "atleast_3d": lambda a, b: torch.atleast_3d(a, b)[0],
    "broadcast_tensors": lambda a, b: torch.broadcast_tensors(a[:1], b)[0],
    "zeros_like": lambda a, b: a + torch.zeros_like(b),
    "full_like": lambda a, b: a * torch.full_like(b, 2.0),
    "rand_like": lambda a, b: a * torch.rand_like(b),
    "new_tensor": lambda a, b: a + b.new_tensor(1.0),
    "new_full": lambda a, b: a * b.new_full((4, 1), 2.0),
    "type_of_an_arange": lambda a, b: a * torch.arange(3).type_as(b),
    "type_of_a_mask": lambda a, b: a * (torch.arange(3) > 0).to(b),
    "size": lambda a, b: a / b.shape[0],
    "norm_of_its_shape": lambda a, b: F.layer_norm(a, b.shape[1:]),
    "resized_target": lambda a, b: a - torch.ones(1, 3).expand_as(b),
}
"""Each gives something of `a`, and of `b` only what is no number of it."""


def _lends(name: str, middle: Callable[[], nn.Module], expected: dict[str, object]) -> None:
    combine = LENDING[name]

    def build() -> Target:
        a, b = linear(), middle()
        return Target(
            {"a": a, "b": b}, lambda x: {LOSS: (combine(a(x), b(x)) + 0.1).square().mean()}, batches=[points()]
        )

    build.__name__, build.__doc__ = f"lends_{name}_{'trainable' if middle is linear else 'frozen'}", "Shape alone."
    cells = {(LOSS, module): status for module, status in expected.items()}
    trap(expected=cells, why={(LOSS, "b"): "no data path"})(build)  # type: ignore[arg-type]


for _name in LENDING:
    _lends(_name, linear, {"a": LIVE, "b": ABSENT})
for _name in ("expand_as", "type_as", "meshgrid", "new_tensor"):
    _lends(_name, frozen_linear, {"a": LIVE, "b": ABSENT})


@one_loss(a=FROZEN, b=ABSENT, parts={"a": frozen_linear}, why={"b": "no data path"})
def frozen_in_the_shape_of_another(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
    """What is frozen gives the numbers, what is trainable the shape."""
    return a(x).mean(0).expand_as(b(x)).square().mean()


@one_loss(a=ABSENT, b=ABSENT, head=LIVE, why={"a": "no_grad", "b": "no data path"})
def shape_under_no_grad(x: Tensor, a: nn.Module, b: nn.Module, head: nn.Module) -> Tensor:
    """Two reasons to get nothing, and each module has its own."""
    with torch.no_grad():
        target = a(x).mean(0).expand_as(b(x))
    return F.mse_loss(head(x), target)


@one_loss(picked=LIVE, picking=ABSENT, why={"picking": "argmax"})
def index_expanded_to_a_shape(x: Tensor, picked: nn.Module, picking: nn.Module) -> Tensor:
    """An index is a value, although it has no gradient; the tensor whose shape it takes is none."""
    index = picking(x).argmax(-1, keepdim=True).expand_as(picked(x))
    return picked(x).gather(-1, index).square().mean()


@trap(
    expected={
        ("entropy", "actor"): ABSENT,
        ("policy", "actor"): LIVE,
        ("entropy", "spread"): LIVE,
        ("policy", "spread"): LIVE,
    },
    why={("entropy", "actor"): "no data path"},
)
def entropy_of_a_gaussian_policy() -> Target:
    """A spread that does not depend on the state takes the shape of the mean."""
    actor, spread = linear(), nn.Parameter(torch.zeros(1, 3))

    def losses(x: Tensor) -> dict[str, Tensor]:
        mean = actor(x)
        policy = torch.distributions.Normal(mean, spread.expand_as(mean).exp())
        return {"entropy": -policy.entropy().mean(), "policy": -policy.log_prob(torch.zeros(4, 3)).mean()}

    return Target({"actor": actor, "spread": spread}, losses, batches=[points()])


@one_loss(a=LIVE, b=ABSENT, why={"b": "several outputs"})
def many_at_once(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
    """One node of the graph for operations that have nothing to do with each other."""
    first, _ = torch._foreach_mul([a(x), b(x)], 2.0)  # pyright: ignore[reportPrivateImportUsage]
    return first.square().mean()


@one_loss(a=LIVE, b=ABSENT, why={"b": "argmin"})
def nearest_code(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
    """The distance chooses; what is chosen is trained."""
    weight = a.weight
    assert isinstance(weight, Tensor)
    return (x - weight[torch.cdist(b(x), weight).argmin(1)]).square().mean()


@one_loss(a=ABSENT, b=LIVE, why={"a": "torch.no_grad()"})
def collected_without_gradient(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
    """A buffer that is filled step by step."""
    collected = torch.zeros(3, 4, 3)
    with torch.no_grad():
        for step in range(3):
            collected[step] = a(x) * step
    return F.mse_loss(b(x), collected.mean(0))


@one_loss(a=LIVE, b=ABSENT, why={"b": "torch.no_grad()"})
def added_without_gradient(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
    """What is written to keeps its gradient, what is added has none."""
    z = a(x) * 1
    with torch.no_grad():
        z += b(x)
    return z.square().mean()
