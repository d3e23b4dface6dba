"""Each loss is defined where it says, zero nowhere by construction, and moved by all that it reads and nothing else."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import jepa_world_model.losses
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.losses import LOSSES
from jepa_world_model.model import WorldModel
from jepa_world_model.states import States

MakeStates = Callable[..., States]
Updated = Callable[[Tensor], set[str]]

ROLLOUTS = [loss.name for loss in LOSSES.values() if "rollout" in loss.name]
READS = [(loss.name, read.parameter) for loss in LOSSES.values() for read in loss.reads]
DEFAULT = [loss for loss in LOSSES.values() if loss.weight]
SOURCES = sorted(Path(jepa_world_model.losses.__file__).parent.glob("*.py"))


def seeded(function: Callable[..., Tensor], *inputs: Any, **named: Any) -> Tensor:
    """The function's value; random directions are the same at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return function(*inputs, **named)


# The least window and the least rollout -----------------------------------------------------------------------------


BETWEEN_WINDOWS = {"loop_q"}
"""Losses that say nothing of a single window."""


def updated_on_some_seed(name: str, make_states: MakeStates, updated: Updated, **size: int) -> set[str]:
    """What a loss updates on one batch or another (a hinge may rest on one); nothing where it is not defined."""
    modules: set[str] = set()
    for seed in range(3):
        try:
            modules |= updated(LOSSES[name](make_states(seed=seed, **size)))
        except (IndexError, RuntimeError, ValueError):
            return set()
    return modules


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", LOSSES)
def test_the_declared_least_is_enough(name: str, batch: int, make_states: MakeStates, updated: Updated) -> None:
    loss = LOSSES[name]
    for seed in range(3):
        states = make_states(seed=seed, frames=loss.frames, horizon=loss.horizon, batch=batch)
        assert loss(states).isfinite(), f"{name} is not finite with {loss.frames} frames and horizon {loss.horizon}"
    size = {"frames": loss.frames, "horizon": loss.horizon, "batch": batch}
    expected = set() if batch == 1 and name in BETWEEN_WINDOWS else set(loss.updates)
    assert updated_on_some_seed(name, make_states, updated, **size) == expected


@pytest.mark.parametrize("name", LOSSES)
def test_one_frame_less_is_not_enough(name: str, make_states: MakeStates, updated: Updated) -> None:
    loss = LOSSES[name]
    less = updated_on_some_seed(name, make_states, updated, frames=loss.frames - 1, horizon=loss.horizon)
    assert less != set(loss.updates)


@pytest.mark.parametrize("name", [loss.name for loss in LOSSES.values() if loss.horizon > 1])
def test_one_step_of_horizon_less_is_not_enough(name: str, make_states: MakeStates, updated: Updated) -> None:
    loss = LOSSES[name]
    assert updated_on_some_seed(name, make_states, updated, frames=6, horizon=loss.horizon - 1) == set()


@pytest.mark.parametrize("name", ROLLOUTS)
def test_each_depth_of_a_rollout_adds_a_term(name: str, make_states: MakeStates, updated: Updated) -> None:
    """A mean over n depths, less that over n - 1: what is left is the deepest term, and it updates the same modules."""
    first = LOSSES[name].horizon
    for horizon in range(first + 1, 6):
        terms = horizon - first + 1
        deep, shallow = (LOSSES[name](make_states(horizon=k)) for k in (horizon, horizon - 1))
        deepest = terms * deep - (terms - 1) * shallow
        assert not torch.isclose(deep, shallow, rtol=1e-6)
        assert deepest > 1e-8
        assert updated(deepest) == set(LOSSES[name].updates)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ROLLOUTS])
def test_other_losses_do_not_depend_on_the_horizon(name: str, make_states: MakeStates) -> None:
    short, long = (seeded(LOSSES[name], make_states(horizon=horizon)) for horizon in (1, 4))
    assert torch.equal(short, long)


# What a loss reads --------------------------------------------------------------------------------------------------


def moved(value: Any, states: States) -> Any:
    """Another value of the same kind."""
    if isinstance(value, ActionKind):
        return ActionKind.REAL
    if value is states.a:
        return value.roll(1, dims=-1)
    if isinstance(value, Tensor):
        return value + 0.1 * torch.randn(value.shape, dtype=value.dtype, generator=torch.Generator().manual_seed(1))
    if isinstance(value, tuple):
        return tuple(moved(entry, states) for entry in value)
    if isinstance(value, nn.Module):
        return moved_module(value)
    return lambda *inputs: value(*inputs) * 1.1


def moved_module(module: nn.Module) -> nn.Module:
    other = deepcopy(module)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)
    return other


@pytest.mark.parametrize(("name", "parameter"), READS)
def test_a_loss_depends_on_each_thing_that_it_reads(name: str, parameter: str, make_states: MakeStates) -> None:
    states, loss = make_states(), LOSSES[name]
    arguments = {read.parameter: read.of(states) for read in loss.reads}
    changed = arguments | {parameter: moved(arguments[parameter], states)}
    before, after = seeded(loss.function, **arguments), seeded(loss.function, **changed)
    assert (after - before).abs() > 1e-6 * before.abs()


def test_the_last_action_is_unused(make_states: MakeStates) -> None:
    states, other = make_states(), make_states()
    other.a = torch.cat([states.a[:, :-1], 1 - states.a[:, -1:]], dim=1)
    for name, loss in LOSSES.items():
        assert torch.equal(seeded(loss, states), seeded(loss, other)), name


FORBIDDEN = {"detach", "detach_", "data", "no_grad", "inference_mode", "set_grad_enabled", "requires_grad_", "item"}
MAY_STOP = {"hardness.py": {"stop"}, "declaration.py": {"stop", "frozen"}}


def stops(tree: ast.AST) -> set[str]:
    """The names of all ways to stop a gradient that the code uses."""
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & FORBIDDEN
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return attributes | calls & {"stop", "gate", "frozen", *FORBIDDEN}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_loss_stops_a_gradient_in_its_body(source: Path) -> None:
    assert stops(ast.parse(source.read_text())) == MAY_STOP.get(source.name, set())


def test_a_hidden_stop_is_found() -> None:
    code = "def f(z):\n with torch.no_grad():\n  return mse(z.detach(), stop(z))"
    assert stops(ast.parse(code)) == {"no_grad", "detach", "stop"}


# What a loss computes -----------------------------------------------------------------------------------------------


@contextmanager
def counted_calls(model: WorldModel) -> Iterator[Counter]:
    """How often each module is called inside the block."""
    calls: Counter = Counter()

    def count(name: str) -> Callable[..., None]:
        return lambda *_: calls.update([name])

    handles = [module.register_forward_hook(count(name)) for name, module in model.named_children()]
    yield calls
    for handle in handles:
        handle.remove()


def needed(name: str, spec: dict) -> set[str]:
    """What a loss updates with all gates open, the seed of h, and what it reads stop-grad."""
    (wide,) = (setting["updates"][name] for setting in spec["settings"] if not any(setting["gates"].values()))
    seed = {"z_to_h"} if "predictor" in wide else set()
    target = {"z2h": {"encoder", "h_to_z"}, "anchor_dp": {"z_to_p"}}.get(name, set())
    return {*wide, *seed, *target}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_calls_only_the_modules_that_it_needs(
    name: str, spec: dict, make_states: MakeStates, model: WorldModel
) -> None:
    with counted_calls(model) as calls:
        LOSSES[name](make_states())
    assert set(calls) == needed(name, spec)


@pytest.mark.parametrize("horizon", [3, 4])
def test_the_default_losses_share_one_forward_pass(horizon: int, make_states: MakeStates, model: WorldModel) -> None:
    states, frames = make_states(horizon=horizon), 6
    with counted_calls(model) as calls:
        for loss in DEFAULT:
            loss(states)
    assert calls == {
        "encoder": 1,
        "decoder": 1,
        "z_to_h": 1 + 1,  # the seed, z2h
        "predictor": (frames - 1) + (horizon - 1),
        "h_to_z": 1 + 1 + (horizon - 2),  # ẑ, z2h, what the rollout feeds back
        "h_action_delta_projector": 1,
        "p_action_delta_projector": (frames - 1) + 1 + (horizon - 2),  # odometry, additivity, rollout
        "dp_action_delta_projector": 1,
        "inverse_dynamics_h": 1,
    }


@pytest.mark.parametrize("losses", [DEFAULT, list(LOSSES.values())], ids=["default", "all"])
def test_each_state_is_computed_at_most_once(
    losses: list, make_states: MakeStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: Counter = Counter()
    for name, state in list(vars(States).items()):
        if isinstance(state, cached_property):
            monkeypatch.setattr(state, "func", counting(name, state.func, computed))
        if isinstance(state, property):
            monkeypatch.setattr(States, name, property(counting(name, state.fget, computed)))
    states = make_states()
    for _ in range(2):
        for loss in losses:
            loss(states)
    assert computed
    assert set(computed.values()) == {1}


def counting(name: str, function: Callable, counter: Counter) -> Callable:
    def counted(states: States) -> Any:
        counter.update([name])
        return function(states)

    return counted
