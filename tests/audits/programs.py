"""Random trainers, and the status of each of their cells by plain autograd in float64.

A program is drawn from a seed: modules, values that are computed from each other, losses of values. It is run by the
audit as it is. The reference runs it in float64 with one change: what is an identity by construction, such as the sum
of a softmax, becomes zero times its argument. Then every gradient is exactly zero or real, and nothing is to be judged.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audits import Status, Target

WIDTH, BATCHES = 5, 2
FACTORS = (1.0, 0.1, 0.3, 3.0, 0.03)
FILLED = ((0.4, 0), (-0.4, 0), (0.4, 1), (0.3, 2))
"""Size and seed of what replaces zeros. What depends on it may be idle, and need not be found."""
DRAWS = 12
PRECISIONS = ("float32", "float32", "float32", "float64", "bfloat16 autocast", "float16")
Pair = tuple[str, str]


class Reverse(torch.autograd.Function):
    """A gradient reversal."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class Gate(nn.Module):
    """A factor for each feature, which may start at zero."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((WIDTH,), start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


def with_hook(x: Tensor, hook: Callable[[Tensor], Tensor]) -> Tensor:
    if not x.requires_grad:
        return x
    x = x.view_as(x)
    x.register_hook(hook)
    return x


def rows(x: Tensor, start: int) -> Tensor:
    """Zero before a row."""
    return x * (torch.arange(len(x), device=x.device) >= start).to(x.dtype)[:, None]


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": F.softplus,
    "layer norm": lambda x: F.layer_norm(x, (WIDTH,)),
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "straight through": lambda x: x + (x.round() - x).detach(),
    "reversed": Reverse.apply,  # pyright: ignore[reportAssignmentType]
    "hook to zero": lambda x: with_hook(x, torch.zeros_like),
    "hook that clips": lambda x: with_hook(x, lambda gradient: gradient.clamp(-1e-3, 1e-3)),
    "last row": lambda x: rows(x, len(x) - 1),
    "late rows": lambda x: rows(x, len(x) // 2),
    "times zero": lambda x: 0 * x,
    "never selected": lambda x: torch.where(x.detach() > 1e4, x, torch.zeros_like(x)),
    "scaled": lambda x: 0.01 * x,
}
IDENTITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda x: x.softmax(-1).sum(-1).square().mean(),
    "cosine": lambda x: 1 - F.cosine_similarity(x, 3 * x, dim=-1).mean(),
    "circle": lambda x: (x.sin().square() + x.cos().square()).mean(),
    "log softmax": lambda x: x.log_softmax(-1).logsumexp(-1).exp().square().mean(),
    "normalised mean": lambda x: F.layer_norm(x, (WIDTH,)).mean(),
    "own target": lambda x: F.mse_loss(x, x.detach()),
    "difference": lambda x: (2 * x - x - x).square().mean() + (x + 1 - x).mean(),
}
"""Constant, whatever the argument: but for the cosine of what is shorter than `EPSILON`."""
EPSILON = 1e-8
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "size": lambda a, b: (a - 0.3).square().mean(),
    "distance": F.mse_loss,
    "to target": lambda a, b: F.mse_loss(a, b.detach()),
    "cross entropy": lambda a, b: F.cross_entropy(a, torch.arange(len(a), device=a.device) % WIDTH),
    "l1": lambda a, b: (a - 0.1).abs().mean(),
    "largest": lambda a, b: (a + 0.01 * torch.arange(WIDTH, device=a.device)).amax(-1).sum(),
    "log ratio": lambda a, b: ((a - a.detach()).exp() * torch.linspace(-1, 1, WIDTH, device=a.device)).mean(),
    "budget": lambda a, b: F.relu(a.square().mean() - 4),
    "margin": lambda a, b: F.relu(0.05 - a.square().mean(-1)).mean(),
    "never": lambda a, b: F.relu(a.tanh() - 2).mean(),
    "far above": lambda a, b: F.relu(a.tanh().square() + 1).mean(),
}
BLUR = 1e-9
"""Below this part of the loss's scale the reference is rounding noise itself: an identity that nobody named."""
UNDECIDABLE = {Status.LIVE, Status.IDLE, Status.VACUOUS, Status.UNDERFLOW}
SCALES = (1.0, 1.0, 1.0, 1.0, 1e-12, 1e12)


@dataclass(frozen=True)
class Step:
    """A value computed from earlier ones."""

    kind: str
    """A name of UNARY; ``call``, ``call without gradient``, ``sum``, ``product``."""
    a: int
    b: int = 0
    module: str = ""


@dataclass(frozen=True)
class Term:
    """A loss of values, or an identity of one."""

    kind: str
    a: int
    b: int = 0
    scale: float = 1.0


@dataclass(frozen=True)
class Program:
    """A random trainer."""

    seed: int
    precision: str
    modules: Mapping[str, nn.Module]
    steps: tuple[Step, ...]
    losses: Mapping[str, tuple[Term, ...]]
    batches: tuple[Tensor, ...]
    hooks: Mapping[str, str] = field(default_factory=dict)
    """By module: a hook on the `.grad` of its parameters."""

    @staticmethod
    def drawn(seed: int) -> Program:
        """The program of a seed."""
        draw = random.Random(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            modules = _modules(draw)
            batches = tuple(torch.randn(draw.choice((4, 8, 12)), WIDTH) for _ in range(BATCHES))
        steps = _steps(draw, list(modules))
        precision = draw.choice(PRECISIONS)
        losses = {f"loss{n}": _terms(draw, len(steps) + 1, precision) for n in range(draw.randint(1, 4))}
        hooks = {name: "zero" for name in modules if draw.random() < 0.04}
        return Program(seed, precision, modules, steps, losses, batches, hooks)

    def target(self) -> Target:
        """What the audit is given."""
        made = self.copied(float64=self.precision == "float64", half=self.precision == "float16")
        for name in self.hooks:
            for parameter in (p for p in made[name].parameters() if p.requires_grad):
                parameter.register_post_accumulate_grad_hook(_zero)
        return Target(made, lambda x: self.run(made, x), batches=self.given())

    def given(self) -> list[Tensor]:
        """The batches in the precision of the program."""
        kind = {"float64": torch.float64, "float16": torch.float16}.get(self.precision, torch.float32)
        return [batch.to(kind) for batch in self.batches]

    def copied(self, *, float64: bool = False, half: bool = False) -> dict[str, nn.Module]:
        """Modules of its own, tied ones tied."""
        copies = copy.deepcopy(dict(self.modules))
        return {name: m.double() if float64 else m.half() if half else m for name, m in copies.items()}

    def is_finite(self) -> bool:
        """Whether all losses are finite: the audit refuses others. In half precision some are not."""
        modules = self.copied(float64=self.precision == "float64", half=self.precision == "float16")
        losses = [loss for batch in self.given() for loss in self.run(modules, batch).values()]
        return bool(torch.stack(losses).isfinite().all())

    def run(
        self, modules: Mapping[str, nn.Module], x: Tensor, *, exact: bool = False, short: bool = False
    ) -> dict[str, Tensor]:
        """The losses. `exact`: identities are zero times their argument, and no precision is switched; `short`: but for
        a cosine of what is shorter than `EPSILON`."""
        autocast = self.precision == "bfloat16 autocast" and not exact
        values = [x]
        with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
            for step in self.steps:
                values.append(_value(step, values, modules))
            return {
                name: sum((_loss(term, values, exact, short) for term in terms), torch.zeros((), dtype=x.dtype))
                for name, terms in self.losses.items()
            }


def _zero(parameter: Tensor) -> None:
    parameter.grad.zero_()  # pyright: ignore[reportOptionalMemberAccess]


def _modules(draw: random.Random) -> dict[str, nn.Module]:
    modules: dict[str, nn.Module] = {}
    for number in range(draw.randint(2, 5)):
        kind = draw.choice(("linear", "linear", "linear", "gate", "zero gate", "zero linear", "tied", "norm"))
        if kind == "tied" and modules:
            module: nn.Module = draw.choice(list(modules.values()))
        elif kind == "norm":
            module = nn.LayerNorm(WIDTH)
        elif kind in ("gate", "zero gate"):
            module = Gate(0.0 if kind == "zero gate" else 0.7)
        else:
            module = nn.Linear(WIDTH, WIDTH)
            if kind == "zero linear":
                nn.init.zeros_(module.weight)
                nn.init.zeros_(module.bias)
        if draw.random() < 0.08:
            module.requires_grad_(False)
        modules[f"m{number}"] = module
    return modules


def _steps(draw: random.Random, modules: list[str]) -> tuple[Step, ...]:
    steps = []
    for number in range(draw.randint(4, 10)):
        a, b = (draw.randint(max(0, number - 2), number) for _ in range(2))
        chance = draw.random() if number else 0.0
        if chance < 0.45:
            steps.append(Step("call", a, module=draw.choice(modules)))
        elif chance < 0.48:
            steps.append(Step("call without gradient", a, module=draw.choice(modules)))
        elif chance < 0.75:
            steps.append(Step(draw.choice(("sum", "product")), a, b))
        else:
            steps.append(Step(draw.choice(list(UNARY)), a))
    return tuple(steps)


def _terms(draw: random.Random, values: int, precision: str) -> tuple[Term, ...]:
    a, b = draw.randint(2 * values // 3, values - 1), draw.randint(1, values - 1)
    if draw.random() < 0.25:
        identity = Term(draw.choice(list(IDENTITIES)), a)
        return (identity,) if draw.random() < 0.6 else (identity, Term("size", b))
    scale = draw.choice(SCALES) if precision != "float16" else draw.choice((1.0, 1.0, 1e-9))
    return (Term(draw.choice(list(LOSSES)), a, b, scale),)


def _value(step: Step, values: list[Tensor], modules: Mapping[str, nn.Module]) -> Tensor:
    a = values[step.a]
    if step.kind == "call":
        return modules[step.module](a)
    if step.kind == "call without gradient":
        with torch.no_grad():
            return modules[step.module](a)
    if step.kind == "sum":
        return a + values[step.b]
    if step.kind == "product":
        return a * values[step.b].tanh()
    return UNARY[step.kind](a)


def _loss(term: Term, values: list[Tensor], exact: bool, short: bool) -> Tensor:
    a = values[term.a]
    if term.kind not in IDENTITIES:
        return LOSSES[term.kind](a, values[term.b]) * term.scale
    if not exact:
        return IDENTITIES[term.kind](a)
    rows = a[a.detach().norm(dim=-1) < EPSILON] if short and term.kind == "cosine" else a[:0]
    return 0 * a.sum() + (IDENTITIES[term.kind](rows) * len(rows) / len(a) if len(rows) else 0)


# ---------------------------------------------------------------------------------------------------- the reference


@dataclass(frozen=True)
class Norms:
    """Of each gradient in one pass; None without one."""

    of: Mapping[Pair, float | None]

    def __getitem__(self, pair: Pair) -> float:
        return self.of[pair] or 0.0


def norms(program: Program, modules: Mapping[str, nn.Module], x: Tensor, *, exact: bool, short: bool = False) -> Norms:
    """One backward pass a loss."""
    found: dict[Pair, float | None] = {}
    for loss, value in program.run(modules, x, exact=exact, short=short).items():
        parameters = [p for module in modules.values() for p in module.parameters() if p.requires_grad]
        gradients: list[Tensor | None] = [None] * len(parameters)
        if value.requires_grad and parameters:
            gradients = list(torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True))
        by_id = {id(p): g for p, g in zip(parameters, gradients, strict=True)}
        for name, module in modules.items():
            here = [g for p in module.parameters() if (g := by_id.get(id(p))) is not None]
            size = sum(float(g.double().norm()) for g in here) if here else None
            found[loss, name] = 0.0 if size is not None and name in _hooked(program) else size
    return Norms(found)


def _hooked(program: Program) -> set[str]:
    """The modules whose `.grad` is zeroed, under all of their names."""
    zeroed = {id(program.modules[name]) for name in program.hooks}
    return {name for name, module in program.modules.items() if id(module) in zeroed}


def expected(program: Program) -> dict[Pair, set[Status]]:
    """The statuses that are right for each cell."""
    xs = [batch.double() for batch in program.batches]
    own_modules = program.copied(float64=program.precision == "float64", half=program.precision == "float16")
    own = [norms(program, own_modules, x, exact=False) for x in program.given()]
    exact = [norms(program, program.copied(float64=True), x, exact=True) for x in xs]
    thawed = program.copied(float64=True)
    for module in thawed.values():
        module.requires_grad_(True)
    reach = norms(program, thawed, xs[0], exact=True)
    moved, at_short = (
        [
            norms(program, _moved(program, factor, zeros, seed), xs[0], exact=True, short=short)
            for factor in FACTORS
            for zeros, seed in FILLED
        ]
        for short in (False, True)
    )
    drawn = [norms(program, _drawn(program, number), x, exact=True) for number in range(DRAWS) for x in xs]
    blurs = {pair: BLUR * _scale(program, pair[0]) for pair in exact[0].of}
    blurred = {pair for pair, blur in blurs.items() for at in exact if 0 < at[pair] < blur}
    blurred |= {pair for pair, blur in blurs.items() if 0 < max(at[pair] for at in (*exact, *moved, *drawn)) < blur}
    found = {
        pair: _right(pair, own, exact, reach.of[pair] is not None, moved, drawn + at_short) for pair in exact[0].of
    }
    found |= {pair: found[pair] | UNDECIDABLE for pair in blurred}
    if program.precision == "float16":  # what would be live at other weights may underflow there
        lost = {Status.VACUOUS, Status.UNDERFLOW}
        found = {pair: right | lost if Status.IDLE in right else right for pair, right in found.items()}
    return found


def _right(
    pair: Pair, own: list[Norms], exact: list[Norms], is_reached: bool, moved: list[Norms], drawn: list[Norms]
) -> set[Status]:
    if exact[0].of[pair] is None:
        return {Status.FROZEN} if is_reached else {Status.ABSENT}
    if exact[0][pair]:
        if own[0][pair]:
            return {Status.LIVE}
        return {Status.IDLE} if own[1][pair] else {Status.UNDERFLOW, Status.IDLE}
    if exact[1][pair] and own[1][pair]:
        return {Status.IDLE}
    if any(all(at[pair] for at in moved[start : start + len(FILLED)]) for start in range(0, len(moved), len(FILLED))):
        return {Status.IDLE}
    return {Status.IDLE, Status.VACUOUS} if any(at[pair] for at in [*moved, *drawn]) else {Status.VACUOUS}


def _scale(program: Program, loss: str) -> float:
    return max(term.scale for term in program.losses[loss])


def _moved(program: Program, factor: float, zeros: float, seed: int) -> dict[str, nn.Module]:
    """All trainable weights times a factor, zeros replaced by noise of a size."""
    return _changed(program, seed, lambda weight, noise: torch.where(weight == 0, zeros * noise, weight) * factor)


def _drawn(program: Program, number: int) -> dict[str, nn.Module]:
    """Each trainable weight times a factor of its own, zeros replaced, in three sizes."""
    size = (0.2, 1.0, 3.0)[number % 3]
    return _changed(
        program, number, lambda weight, noise: torch.where(weight == 0, noise, weight * (0.5 * noise).exp()) * size
    )


def _changed(program: Program, seed: int, change: Callable[[Tensor, Tensor], Tensor]) -> dict[str, nn.Module]:
    generator = torch.Generator().manual_seed(10_000 + seed)
    modules = program.copied(float64=True)
    for parameter in {id(p): p for module in modules.values() for p in module.parameters()}.values():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.data = change(parameter.data, noise)
    return modules


def without(program: Program, loss: str) -> Program:
    """With one loss less: to find the smallest program that goes wrong."""
    return replace(program, losses={name: terms for name, terms in program.losses.items() if name != loss})
