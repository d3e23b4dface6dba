"""Networks that follow others, and networks that are frozen for a part of a step: what recipes do inside of it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, LOSS, linear, one_loss, points, trap

Follow = Callable[[nn.Module, nn.Module], None]


@torch.no_grad()
def by_decorator(slow: nn.Module, fast: nn.Module) -> None:
    """As in MoCo."""
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.mul_(0.99).add_(f, alpha=0.01)


def by_lerp(slow: nn.Module, fast: nn.Module) -> None:
    """One call for each parameter."""
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.lerp_(f, 0.01)


def by_many(slow: nn.Module, fast: nn.Module) -> None:
    """One call for all."""
    with torch.no_grad():
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            list(slow.parameters()), list(fast.parameters()), 0.01
        )


def by_data(slow: nn.Module, fast: nn.Module) -> None:
    """As in DINO and in older code."""
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.data.mul_(0.99).add_(0.01 * f.detach().data)


def by_new_data(slow: nn.Module, fast: nn.Module) -> None:
    """As in BYOL."""
    for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
        s.data = 0.99 * s.data + 0.01 * f.data


def by_copy(slow: nn.Module, fast: nn.Module) -> None:
    """A mean that is computed beside and copied."""
    with torch.no_grad():
        for s, f in zip(slow.parameters(), fast.parameters(), strict=True):
            s.copy_(0.9 * s + 0.1 * f)


FOLLOWING: list[Follow] = [by_decorator, by_lerp, by_many, by_data, by_new_data, by_copy]


def _distilled(follow: Follow, *, frozen: bool) -> None:
    def build() -> Target:
        student, teacher = linear(), linear().requires_grad_(not frozen)

        def losses(x: Tensor) -> dict[str, Tensor]:
            follow(teacher, student)
            with torch.no_grad():
                target = teacher(x)
            seen = teacher(x)
            return {
                "distill": F.mse_loss(student(x), target),
                "read": F.mse_loss(student(x), seen),
                "own": seen.square().mean(),
                "size": student(x).square().mean(),
            }

        return Target({"student": student, "teacher": teacher}, losses, batches=[points()])

    build.__name__ = f"teacher_{'frozen' if frozen else 'trained'}_follows_{follow.__name__}"
    build.__doc__ = "Whatever it follows by, nobody is trained through it who was not."
    read = FROZEN if frozen else LIVE
    of_student = {"distill": LIVE, "read": LIVE, "own": ABSENT, "size": LIVE}
    of_teacher = {"distill": ABSENT, "read": read, "own": read, "size": ABSENT}
    cells = {(loss, "student"): status for loss, status in of_student.items()}
    trap(
        expected=cells | {(loss, "teacher"): status for loss, status in of_teacher.items()},
        why={("distill", "teacher"): "torch.no_grad()", ("size", "teacher"): "no data path"},
    )(build)


for _follow in FOLLOWING:
    _distilled(_follow, frozen=True)
    _distilled(_follow, frozen=False)


@trap(
    expected={
        ("generator", "generator"): LIVE,
        ("generator", "critic"): FROZEN,
        ("critic", "critic"): LIVE,
        ("critic", "generator"): ABSENT,
    },
    why={("critic", "generator"): "detach()"},
)
def critic_frozen_in_the_step() -> Target:
    """Frozen for the generator's loss, thawed for its own."""
    return _adversaries(critic_first=False)


@trap(
    expected={
        ("generator", "generator"): LIVE,
        ("generator", "critic"): FROZEN,
        ("critic", "critic"): LIVE,
        ("critic", "generator"): ABSENT,
    },
    fools_backward=True,
)
def critic_left_frozen_in_the_step() -> Target:
    """Its own loss comes first, and it stays frozen until the next step."""
    return _adversaries(critic_first=True)


def _adversaries(*, critic_first: bool) -> Target:
    generator, critic = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        def of_critic() -> Tensor:
            critic.requires_grad_(True)
            return critic(x).mean() - critic(fake.detach()).mean()

        def of_generator() -> Tensor:
            critic.requires_grad_(False)
            return critic(fake).mean()

        fake = generator(x)
        order = [("critic", of_critic), ("generator", of_generator)]
        return {name: loss() for name, loss in (order if critic_first else order[::-1])}

    return Target({"generator": generator, "critic": critic}, losses, batches=[points()])


class Reverse(torch.autograd.Function):
    """Gradient with the other sign."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return -gradient


class Sum(torch.autograd.Function):
    """Of two, computed behind a detach."""

    @staticmethod
    def forward(ctx: object, x: Tensor, y: Tensor) -> Tensor:
        return x.detach() + y.detach() * 2

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return gradient, 2 * gradient


class Marked(torch.autograd.Function):
    """Says of its output that it has no gradient."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        out = x * 2
        ctx.mark_non_differentiable(out)  # type: ignore[attr-defined]
        return out

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient


def frozen_linear() -> nn.Linear:
    """A backbone."""
    return nn.Linear(3, 3).requires_grad_(False)


@one_loss(backbone=FROZEN, head=LIVE, parts={"backbone": frozen_linear})
def frozen_behind_a_reversal(x: Tensor, backbone: nn.Module, head: nn.Module) -> Tensor:
    """A custom Function cuts nothing."""
    return head(Reverse.apply(backbone(x))).square().mean()


@one_loss(backbone=FROZEN, encoder=LIVE, head=LIVE, parts={"backbone": frozen_linear})
def frozen_beside_a_live_one_in_a_function(
    x: Tensor, backbone: nn.Module, encoder: nn.Module, head: nn.Module
) -> Tensor:
    """The graph knows of one operand, and the other is there as well."""
    return head(Sum.apply(encoder(x), backbone(x))).square().mean()


@one_loss(backbone=ABSENT, head=LIVE, parts={"backbone": frozen_linear}, why={"backbone": "detach()"})
def frozen_behind_a_detach_and_a_function(x: Tensor, backbone: nn.Module, head: nn.Module) -> Tensor:
    """Here a stop would be in the way as well."""
    return head(Reverse.apply(backbone(x).detach())).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "Marked.apply(encoder(x))"})
def marked_as_without_gradient(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """The Function is to blame, at the line that applies it."""
    return head(Marked.apply(encoder(x))).square().mean()


@trap(expected={(LOSS, "encoder"): ABSENT, (LOSS, "head"): LIVE}, why={(LOSS, "encoder"): "@torch.no_grad()"})
def decorated_features() -> Target:
    """The decorator is to blame, not the line that calls what is decorated."""
    encoder, head = linear(), linear()

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return encoder(x)

    return Target(
        {"encoder": encoder, "head": head}, lambda x: {LOSS: head(features(x)).square().mean()}, batches=[points()]
    )


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "torch.no_grad()"})
def stopped_behind_a_block_with_gradient(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """What follows the inner block is under the outer one again."""
    with torch.no_grad():
        with torch.enable_grad():
            _unused = head(x)
        z = encoder(x)
    return head(z).square().mean()


@one_loss(encoder=ABSENT, head=LIVE, why={"encoder": "torch.inference_mode()"})
def inference_block(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Named by its head, as a block without gradient is."""
    with torch.inference_mode():
        z = encoder(x).tanh()
    return head(z.clone()).square().mean()
