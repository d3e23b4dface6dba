"""Reach and path counts against slow, obvious code."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from audits.graph import Graph


def count_paths(node: Any, leaf: Tensor) -> int:
    """Follow every single path."""
    if node is None:
        return 0
    if getattr(node, "variable", None) is leaf:
        return 1
    return sum(count_paths(follower, leaf) for follower, _ in node.next_functions)


Plan = list[tuple[int, int, bool]]
"""For each new value: which two earlier values are combined, and whether the first is detached."""


@st.composite
def plans(draw: Callable) -> Plan:
    length = draw(st.integers(2, 9))
    return [(draw(st.integers(0, 2 + n)), draw(st.integers(0, 2 + n)), draw(st.booleans())) for n in range(length)]


def build(plan: Plan) -> tuple[list[Tensor], list[Tensor]]:
    """Three parameters, and all values computed from them."""
    parameters = [torch.full((2,), 0.5 + n, requires_grad=True) for n in range(3)]
    values: list[Tensor] = list(parameters)
    for first, second, stopped in plan:
        left = values[first].detach() if stopped else values[first]
        values.append(left * values[second])
    return parameters, [value.sum() for value in values[3:]]


@settings(max_examples=100, deadline=None)
@given(plans())
def test_paths_and_reach_equal_a_walk_along_every_path(plan: Plan) -> None:
    parameters, losses = build(plan)
    graph = Graph({str(n): loss for n, loss in enumerate(losses)})
    for parameter in parameters:
        expected = [count_paths(loss.grad_fn, parameter) for loss in losses]
        assert graph.paths([parameter]) == expected
        assert graph.reached([parameter]) == [int(count > 0) for count in expected]
    assert graph.paths(parameters) == [sum(count_paths(loss.grad_fn, p) for p in parameters) for loss in losses]


@settings(max_examples=50, deadline=None)
@given(plans())
def test_reach_equals_what_autograd_gives(plan: Plan) -> None:
    parameters, losses = build(plan)
    losses = [loss for loss in losses if loss.requires_grad]
    graph = Graph({str(n): loss for n, loss in enumerate(losses)})
    for parameter in parameters:
        gradients = [torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)[0] for loss in losses]
        assert graph.reached([parameter]) == [int(gradient is not None) for gradient in gradients]


def test_a_huge_count_is_exact() -> None:
    x = torch.ones((), requires_grad=True)
    y = x
    for _ in range(300):
        y = y + y
    assert Graph({"y": y, "x": x}).paths([x]) == [2**300, 1]


def test_a_deep_chain_needs_no_recursion() -> None:
    x = torch.ones((), requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1
    assert Graph({"y": y}).paths([x]) == [1]


def test_counts_depend_neither_on_batch_nor_on_precision() -> None:
    def counted(batch: int, dtype: torch.dtype) -> list[int]:
        model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).to(dtype)
        x = torch.ones(batch, 3, dtype=dtype)
        return Graph({"a": model(model[0](x)).mean()}).paths(model.parameters())

    assert counted(1, torch.float32) == counted(5, torch.float64) == counted(2, torch.bfloat16)


def test_a_shortest_path_leads_from_the_loss_to_the_parameter() -> None:
    first, second = (torch.ones((), requires_grad=True) for _ in range(2))
    loss = (first * 2) + (first * second).exp().sin()
    path = Graph({"loss": loss}).shortest("loss", [first])
    assert [type(node).__name__ for node in path] == ["AddBackward0", "MulBackward0", "AccumulateGrad"]
    assert path[-1].variable is first
    assert Graph({"loss": second * 1}).shortest("loss", [first]) == []


@pytest.mark.parametrize("outside", [torch.ones(()), torch.ones((), requires_grad=True).detach()])
def test_a_loss_outside_of_any_graph_reaches_nothing(outside: Tensor) -> None:
    x = torch.ones((), requires_grad=True)
    graph = Graph({"outside": outside, "inside": x * 2})
    assert graph.paths([x]) == [0, 1]
    assert graph.shortest("outside", [x]) == []
