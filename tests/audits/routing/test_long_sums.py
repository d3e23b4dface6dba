"""Routes of long sums: what a sum is added to is not gone through again, however many sources it has."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

import audits.routing
from audits import Target
from audits.forward import forward
from audits.recording.source_lines import Sources
from audits.result import Routes
from audits.routing.recorder import RouteRecorder
from audits.routing.routes import routes

Losses = Callable[[Sequence[nn.Module], Tensor], Tensor]
HERE = str(Path(audits.routing.__file__).parent)


def residual(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = x + 0.01 * layer(x).tanh()
    return x.square().mean()


def noisy(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = x + 0.01 * dropout(layer(dropout(x)))
    return x.square().mean()


def stopped_once(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for number, layer in enumerate(layers):
        x = x + 0.01 * layer(x.detach() if number == len(layers) // 2 else x)
    return x.square().mean()


def accumulated(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    total = x.new_zeros(())
    for layer in layers:
        total = total + (layer(x) - 1).square().mean()
    return total


def shifted(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = torch.cat([x[:, 1:], layer(x)[:, :1]], 1)
    return x.square().mean()


def target_of(loss: Losses, count: int) -> Target:
    torch.manual_seed(0)
    net = nn.ModuleDict({f"layer_{number}": nn.Linear(4, 4) for number in range(count)})
    return Target(net, lambda x: {"loss": loss(list(net.values()), x)}, batches=[torch.randn(2, 4)])


def routes_of(target: Target, within: Callable[[Callable[[], Any]], Any] = lambda find: find()) -> Routes:
    sources = Sources()
    recorder = RouteRecorder(sources)
    with recorder.watching(target) as watched, forward(watched, target.settings()[0], recorder=recorder) as run:
        recorder.finish(run.losses.values())
        return within(lambda: routes(target, run, recorder, sources))["loss"]


def lines_run(loss: Losses, count: int) -> int:
    """How many lines of this package are executed to find the routes."""
    lines = 0

    def inside(_: FrameType, event: str, __: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return inside

    def traced(find: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(lambda frame, *_: inside if frame.f_code.co_filename.startswith(HERE) else None)
        try:
            return find()
        finally:
            sys.settrace(before)

    routes_of(target_of(loss, count), traced)
    return lines


@pytest.mark.parametrize("loss", [residual, noisy, stopped_once, accumulated])
def test_twice_as_many_sources_take_about_twice_as_much(loss: Losses) -> None:
    few, many = lines_run(loss, 100), lines_run(loss, 200)
    assert many < 2.4 * few


def test_what_a_long_sum_is_made_of_is_known_to_the_last_source() -> None:
    found = routes_of(target_of(residual, 150))
    assert found.enters.keys() == {f"layer_{number}" for number in range(150)}
    assert "layer_0 into layer_149" in found.ways
    assert len(found.ways) == 150 * 149 // 2 + 150


def test_a_stop_before_a_long_sum_cuts_each_of_its_sources() -> None:
    found = routes_of(target_of(stopped_once, 150))
    assert found.cuts.keys() == {f"layer_{number} into layer_75" for number in range(75)}


@pytest.mark.parametrize("loss", [residual, noisy, shifted])
def test_long_sums_are_told_alike_in_each_run_and_otherwise_when_a_source_is_gone(loss: Losses) -> None:
    terms = [routes_of(target_of(made, 100)).terms for made in (loss, loss, lambda layers, x: loss(layers[:-1], x))]
    assert terms[0] == terms[1] != terms[2]
