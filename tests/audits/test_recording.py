"""Random programs: each cell is absent, frozen or reached as the program was built, and absent for the right reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from audits import Target
from audits.probe import probe
from audits.recording.source_lines import Sources

NAMES = "abc"
PROGRAMS = 150


@dataclass(frozen=True)
class Value:
    """A tensor of shape [4, 3], and what is known of it by the way that it was made."""

    tensor: Tensor
    live: frozenset[str] = frozenset()
    """Modules that gradient reaches from here."""
    frozen: frozenset[str] = frozenset()
    """Frozen modules that it would reach."""
    cut: frozenset[str] = frozenset()
    """Modules whose values are in it behind a stop."""

    @property
    def known(self) -> frozenset[str]:
        return self.live | self.frozen | self.cut


def passed(tensor: Tensor, *sources: Value) -> Value:
    """Gradient runs on to all sources."""
    parts = ([getattr(source, name) for source in sources] for name in ("live", "frozen", "cut"))
    return Value(tensor, *(frozenset().union(*part) for part in parts))


def stopped(tensor: Tensor, *sources: Value) -> Value:
    """Gradient ends, and data runs on."""
    return Value(tensor, cut=frozenset().union(*(source.known for source in sources)))


class Double(torch.autograd.Function):
    """Computes behind a detach of its own."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.detach() * 2

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * gradient


class Sum(torch.autograd.Function):
    """Of two."""

    @staticmethod
    def forward(ctx: object, x: Tensor, y: Tensor) -> Tensor:
        return torch.add(x, y)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return gradient, gradient


Step = Callable[[Value, Value], Value]


def under_no_grad(x: Value, y: Value) -> Value:
    with torch.no_grad():
        return stopped(x.tensor * y.tensor, x, y)


@torch.no_grad()
def decorated(x: Value, y: Value) -> Value:
    return stopped(x.tensor - y.tensor, x, y)


def written(x: Value, y: Value) -> Value:
    out = x.tensor * 1
    out[:, 0] = y.tensor[:, 1]
    return passed(out, x, y)


def written_without_gradient(x: Value, y: Value) -> Value:
    out = x.tensor * 1
    with torch.no_grad():
        out.add_(y.tensor)
    own, other = passed(out, x), stopped(out, y)
    return Value(out, own.live, own.frozen, own.cut | other.cut)


def masked(x: Value, y: Value) -> Value:
    out = torch.where(y.tensor > 0.1, x.tensor, x.tensor * 2)
    own, other = passed(out, x), stopped(out, y)
    return Value(out, own.live, own.frozen, own.cut | other.cut)


def gathered(x: Value, y: Value) -> Value:
    out = x.tensor.gather(-1, y.tensor.argmax(-1, keepdim=True).expand_as(x.tensor))
    own, other = passed(out, x), stopped(out, y)
    return Value(out, own.live, own.frozen, own.cut | other.cut)


STEPS: list[Step] = [
    lambda x, y: passed(x.tensor * y.tensor, x, y),
    lambda x, y: passed(torch.stack([x.tensor, y.tensor]).sum(0), x, y),
    lambda x, y: passed(torch.einsum("bi,bi->bi", x.tensor, y.tensor), x, y),
    lambda x, y: passed(torch.cat([x.tensor, y.tensor], 1).unflatten(1, (2, 3)).mean(1), x, y),
    lambda x, _: passed(x.tensor.tanh(), x),
    lambda x, _: passed(vmap(torch.sigmoid)(x.tensor), x),
    lambda x, y: passed(vmap(torch.mul)(x.tensor, y.tensor), x, y),
    lambda x, _: passed(Double.apply(x.tensor), x),  # type: ignore[arg-type]
    lambda x, y: passed(Sum.apply(x.tensor, y.tensor), x, y),  # type: ignore[arg-type]
    lambda x, y: passed(x.tensor[:1].expand_as(y.tensor), x),
    lambda x, y: passed(x.tensor.double().type_as(y.tensor), x),
    lambda x, y: passed(x.tensor.double().to(y.tensor), x),
    lambda x, y: passed(x.tensor.t().reshape_as(y.tensor), x),
    lambda x, y: passed(torch.broadcast_tensors(x.tensor[:1], y.tensor)[0], x),
    lambda x, y: passed(x.tensor + torch.zeros_like(y.tensor), x),
    lambda x, y: passed(vmap(lambda a, b: a + torch.zeros_like(b))(x.tensor, y.tensor), x),
    lambda x, y: passed(x.tensor * y.tensor.new_tensor(2.0), x),
    lambda x, y: passed(x.tensor * torch.arange(3).type_as(y.tensor), x),
    lambda x, _: stopped(x.tensor.detach(), x),
    lambda x, _: stopped(x.tensor.data, x),
    lambda x, _: stopped(vmap(torch.Tensor.detach)(x.tensor), x),
    lambda x, _: stopped(nn.Parameter(x.tensor * 1), x),
    lambda x, _: stopped(torch.tensor(x.tensor), x),
    lambda x, _: stopped(x.tensor.detach().requires_grad_(), x),
    lambda x, _: stopped((x.tensor > 0).to(x.tensor.dtype), x),
    under_no_grad,
    decorated,
    written,
    written_without_gradient,
    masked,
    gathered,
]


@dataclass
class Program:
    """A few steps, drawn from a seed; the last values are losses."""

    seed: int
    losses: dict[str, Value] = field(default_factory=dict)

    def run(self, modules: nn.ModuleDict, x: Tensor) -> dict[str, Tensor]:
        draw = random.Random(self.seed)
        values = [Value(x)]
        for name, module in modules.items():
            frozen = not next(module.parameters()).requires_grad
            values.append(Value(module(x), **{"frozen" if frozen else "live": frozenset(name)}))
        for _ in range(draw.randint(2, 8)):
            if draw.random() < 0.2:
                module, given = draw.choice(NAMES), draw.choice(values)
                frozen = not next(modules[module].parameters()).requires_grad
                own = Value(given.tensor, **{"frozen" if frozen else "live": frozenset(module)})
                values.append(passed(modules[module](given.tensor), given, own))
            else:
                values.append(draw.choice(STEPS)(draw.choice(values), draw.choice(values)))
        self.losses = {f"loss{n}": value for n, value in enumerate(values[-3:])}
        return {name: value.tensor.mean() for name, value in self.losses.items()}


def wrong(seed: int) -> list[str]:
    """Cells of a program that are not as it was built, in words."""
    torch.manual_seed(seed)
    modules = nn.ModuleDict({name: nn.Linear(3, 3) for name in NAMES})
    for name in NAMES:
        modules[name].requires_grad_(random.Random(f"{seed}{name}").random() < 0.7)
    program, x = Program(seed), torch.randn(4, 3)
    target = Target(modules, lambda x: program.run(modules, x), batches=[x])
    seen = probe(target, target.settings()[0], None, Sources(), seeds=False)
    program.run(modules, x)  # the audit has put back whatever its passes have left in the program
    found = []
    for (loss, module), cell in seen.cells.items():
        value = program.losses[loss]
        told = "reached" if cell.paths else str(cell.status)
        if module in value.live:
            right = "reached"
        elif module in value.frozen:
            right = "frozen"
        else:
            right = "absent"
        if told != right or (right == "absent" and bool(cell.stops) != (module in value.cut)):
            found.append(f"seed {seed}, {loss} x {module}: {told} ({cell.reason}), built as {right}: {value}")
    return found


@pytest.mark.parametrize("block", range(3))
def test_random_programs_are_recorded_as_they_were_built(block: int) -> None:
    seeds = range(block * PROGRAMS // 3, (block + 1) * PROGRAMS // 3)
    assert [line for seed in seeds for line in wrong(seed)] == []


def test_a_wrong_recording_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.recording.recorder.operands", lambda *_: None)
    assert [line for seed in range(100) for line in wrong(seed)]
