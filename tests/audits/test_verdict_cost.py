"""A verdict takes no more passes, and no longer ones, than it needs."""

import gc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from audits import Status, Target, audit
from audits.bottleneck import bottleneck
from audits.gradients import Column, measure, positions
from audits.graph import Graph
from audits.judging import decision

Asked = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What each pass that a verdict takes was asked for."""
    asked: Asked = []
    real = decision.Decision._pass

    def seen(self: decision.Decision, pairs: Any, where: decision.Where, **how: Any) -> decision.Pass:
        losses = {loss for loss, _ in pairs} | set(how.get("close", ()))
        asked.append({"losses": losses, "where": where, **how})
        return real(self, pairs, where, **how)

    monkeypatch.setattr(decision.Decision, "_pass", seen)
    return asked


def tower(depth: int, width: int = 32) -> nn.Sequential:
    return nn.Sequential(*(layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.Tanh())))


def target(modules: Mapping[str, nn.Module], losses: Callable[..., Any], rows: int = 16, **gates: list[bool]) -> Target:
    return Target(dict(modules), losses, [torch.randn(rows, 32)], gates=gates)


def test_a_second_precision_goes_no_further_than_to_the_closest_layer(passes: Asked) -> None:
    body = tower(5)
    found = audit(target({"body": body}, lambda x: {"loss": body(x).square().mean()}))
    assert found.flows[0].cells["loss", "body"].status is Status.LIVE
    (one,) = passes
    assert one["float64"]
    assert one["close"] == {"loss": {8, 9}}, "the weight and the bias of the last layer"


def test_a_layer_with_noise_is_not_the_closest_that_is_asked(passes: Asked) -> None:
    """A bias before a batch norm gets the rounding noise of a zero."""
    body = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 32), nn.BatchNorm1d(32, affine=False))
    found = audit(target({"body": body}, lambda x: {"loss": body(x).relu().mean()}))
    assert found.flows[0].cells["loss", "body"].status is Status.LIVE
    assert [one["close"]["loss"] for one in passes if one.get("close")] == [{2, 0}], "weights, and neither bias"


@pytest.mark.parametrize(("rows", "part"), [(16, None), (4096, 1024)])
def test_a_part_of_the_batch_is_taken_where_its_numbers_cost_more_than_operations(
    rows: int, part: int | None, passes: Asked
) -> None:
    body = tower(2)
    audit(target({"body": body}, lambda x: {"loss": body(x).square().mean()}, rows))
    assert [one.get("rows") for one in passes if one.get("float64")] == [part]


@pytest.fixture
def _no_nudges(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other means leave open is nudged dozens of times."""

    def nudged(*_: Any) -> None:
        raise AssertionError("nudged")

    monkeypatch.setattr(decision, "judge", nudged)


@pytest.mark.usefixtures("_no_nudges")
def test_a_single_number_that_two_precisions_agree_on_is_no_chance(passes: Asked) -> None:
    """Such as the temperature of an entropy bonus."""
    body, temperature = tower(1), nn.ParameterList([torch.zeros(1)])

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": (temperature[0].exp() * (body(x).detach().square().mean() + 1)).sum()}

    found = audit(target({"body": body, "temperature": temperature}, losses))
    assert found.flows[0].updated("loss") == ("temperature",)
    assert len(passes) == 1


@pytest.mark.usefixtures("_no_nudges")
@pytest.mark.parametrize("bend", [1.0, 1e6])
def test_a_derivative_is_found_where_a_loss_bends(bend: float) -> None:
    """An absolute value of one number may be the sign of noise, so that its gradient is compared with the loss."""
    body = tower(1)
    found = audit(target({"body": body}, lambda x: {"loss": (bend * body(x).square().mean() + 1).sin().abs()}))
    assert found.flows[0].updated("loss") == ("body",)


def gated(z: Tensor, *, is_open: bool) -> Tensor:
    return z if is_open else z.detach()


def test_what_no_gate_changes_is_decided_once(passes: Asked) -> None:
    encoder, head = tower(2), nn.Linear(32, 8)

    def losses(x: Tensor, *, is_open: bool) -> dict[str, Tensor]:
        z = encoder(x)
        return {"value": head(gated(z, is_open=is_open)).square().mean(), "size": z.square().mean()}

    asked = target({"encoder": encoder, "head": head}, losses, is_open=[False, True])
    found = audit(asked, settings="all")
    assert [one["losses"] for one in passes if one.get("float64")] == [{"value", "size"}, {"value"}]
    for setting, flow in zip(asked.settings("all"), found.flows, strict=True):
        (alone,) = audit(asked, settings=[setting.values]).flows
        assert {pair: cell.status for pair, cell in flow.cells.items()} == {
            pair: cell.status for pair, cell in alone.cells.items()
        }


def test_a_gradient_that_a_gate_makes_noise_is_not_known_from_before() -> None:
    encoder = tower(1)

    def losses(x: Tensor, *, is_open: bool) -> dict[str, Tensor]:
        z = encoder(x)
        return {"loss": z.sum() if is_open else (z * 3 / 3 - z).sum()}

    first, second = audit(target({"encoder": encoder}, losses, is_open=[True, False]), settings="all").flows
    found = {flow.setting.values["is_open"]: flow.cells["loss", "encoder"].status for flow in (first, second)}
    assert found == {True: Status.LIVE, False: Status.VACUOUS}


def zero_times(value: Tensor) -> Tensor:
    return 0.0 * value.square().mean()


def test_a_loss_that_is_zero_everywhere_is_asked_once_of_equal_batches(passes: Asked) -> None:
    body = tower(2)
    found = audit(target({"body": body}, lambda x: {"loss": zero_times(body(x))}))
    assert found.flows[0].cells["loss", "body"].status is Status.VACUOUS
    assert {one["where"].batch for one in passes} == {0}


def test_a_loss_that_is_zero_by_chance_is_asked_of_further_batches(passes: Asked) -> None:
    body = tower(2)
    found = audit(target({"body": body}, lambda x: {"loss": zero_times(body(dropout(x)))}))
    assert found.flows[0].cells["loss", "body"].status is Status.VACUOUS
    assert {one["where"].batch for one in passes} == {0, 1, 2}


@pytest.mark.parametrize("half", [False, True])
def test_further_batches_are_asked_in_float64_where_half_precision_may_have_lost_something(
    half: bool, passes: Asked
) -> None:
    body, precision = tower(2), torch.bfloat16 if half else torch.float32
    audit(target({"body": body}, lambda x: {"loss": zero_times(body(dropout(x)).to(precision).float())}))
    assert {one["where"].batch for one in passes if one.get("float64")} == ({0, 1, 2} if half else {0})


def test_a_pass_goes_backward_to_the_modules_that_are_in_doubt(passes: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a layer that starts at zero sends on is zero."""
    body, adapter, last, asked = tower(2), nn.Linear(32, 32), nn.Linear(32, 32, bias=False), list[Any]()
    nn.init.zeros_(last.weight)
    real = decision.measure

    def seen(*given: Any, only: Any = None, **how: Any) -> Any:
        asked.append(only)
        return real(*given, only=only, **how)

    monkeypatch.setattr(decision, "measure", seen)
    found = audit(
        target(
            {"body": body, "adapter": adapter, "last": last},
            lambda x: {"loss": (body(x) + last(adapter(body(x)))).square().mean()},
        )
    )
    assert found.flows[0].cells["loss", "adapter"].status is Status.IDLE
    every, first, *further = asked
    adapters = further[0]["loss"]
    assert every is None
    assert len(first["loss"] - adapters) == 3, "the last layer of the body, and the one that is zero"
    assert all(only["loss"] <= adapters for only in further), "at other weights"


def test_what_a_hook_makes_of_nothing_on_another_batch_is_no_zero() -> None:
    first, body = tower(1), tower(4)

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = first(x)
        z.register_hook(lambda gradient: gradient + x * torch.linspace(-1, 1, 32))
        return {"loss": zero_times(body(z))}

    batches = [torch.zeros(16, 32), torch.randn(16, 32)]
    found = audit(Target({"first": first, "body": body}, losses, batches)).flows[0]
    assert found.cells["loss", "first"].status is Status.IDLE
    assert found.cells["loss", "body"].status is Status.VACUOUS


def nodes_of(edges: list[Any]) -> list[str]:
    return [edge.node.name() for edge in edges]


def test_all_gradient_passes_a_bottleneck() -> None:
    x, weight = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    z = x.tanh()
    losses = {
        "one way": z.exp().mean(),
        "two ways that meet": (z.exp() + z.sin()).mean(),
        "a leaf beside the way": (z.exp() * weight).mean(),
        "a leaf": x.mean(),
        "farther than is looked": x.tanh().exp().sin().cos().exp().sin().mean(),
    }
    graph = Graph(losses)
    leading = graph.leading_to([x, weight])
    found = {name: nodes_of(bottleneck(graph.first(name, 4, leading), leading)) for name in losses}
    assert found == {
        "one way": ["TanhBackward0"],
        "two ways that meet": ["TanhBackward0"],
        "a leaf beside the way": ["MulBackward0"],
        "a leaf": [],
        "farther than is looked": ["SinBackward0"],
    }
    leading = graph.leading_to([x])
    assert nodes_of(bottleneck(graph.first("a leaf beside the way", 4, leading), leading)) == ["TanhBackward0"]


def test_gradients_of_some_parameters_are_those_of_all() -> None:
    body, head = tower(3), nn.Linear(32, 1)
    columns = [Column("body", tuple(body.parameters())), Column("head", tuple(head.parameters()))]
    z = body(torch.randn(5, 32))
    losses = {"value": head(z).square().mean(), "size": z.square().mean(), "apart": head(z.detach()).mean()}
    graph = Graph(losses)
    everything, numbers = measure(losses, columns, graph), positions(columns)
    only = {"value": {numbers["body"][3], numbers["head"][0]}, "size": {numbers["body"][5]}, "apart": set[int]()}
    some = measure(losses, columns, graph, only=only)
    assert (
        some.numbers
        == everything.at(only).numbers
        == {
            ("value", "body"): (3,),
            ("value", "head"): (6,),
            ("size", "body"): (5,),
        }
    )
    for pair, sketch in everything.at(only).sketches.items():
        assert torch.equal(sketch.rows, some.sketches[pair].rows)
        assert sketch.norm == some.norms[pair] != 0


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_has_no_one_shape() -> None:
    encoder, head = nn.Linear(4, 4), nn.Linear(4, 1)

    def losses(rows: list[Tensor]) -> dict[str, Tensor]:
        found = head(torch.relu(encoder(torch.nested.nested_tensor(rows))))
        return {"loss": torch.cat([row.flatten() for row in found.unbind()]).square().mean()}

    rows = [torch.ones(3, 4), torch.ones(2, 4)]
    found = audit(Target({"encoder": encoder, "head": head}, losses, [rows]))
    assert found.flows[0].updated("loss") == ("encoder", "head")


@pytest.mark.parametrize("frozen", [False, True])
def test_the_garbage_collector_is_left_as_it_was(frozen: bool) -> None:
    body = tower(1)
    if frozen:
        gc.freeze()
    before = gc.get_freeze_count()
    try:
        audit(target({"body": body}, lambda x: {"loss": body(x).square().mean()}))
        assert bool(gc.get_freeze_count()) is bool(before)
        assert gc.isenabled()
    finally:
        gc.unfreeze()
