"""Where gradient ends: found in a recording, agreeing with autograd, and named by source."""

import inspect
from collections.abc import Callable, Mapping

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Audit, StopKind, Target, audit

Losses = Callable[[Tensor], Mapping[str, Tensor]]


class Pair(nn.Module):
    """Two layers, one behind the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)


def audited(losses: Callable[..., Mapping[str, Tensor]], model: nn.Module | None = None, **options: object) -> Audit:
    torch.manual_seed(0)
    model = model or Pair()
    return audit(Target(model, lambda x: losses(model, x), batches=[torch.rand(4, 3)]), **options)  # type: ignore[arg-type]


def line_of(function: Callable, text: str) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def test_a_detach_is_named_by_file_line_and_expression() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        z = model.first(x)
        return {"loss": mse_loss(model.second(z.detach()), x)}

    (stop,) = audited(losses).flows[0].cells["loss", "first"].stops
    assert stop.kind is StopKind.DETACH
    assert (stop.place.file.rpartition("/")[2], stop.place.line) == ("test_cuts.py", line_of(losses, "z.detach()"))
    assert stop.place.text == "z.detach()"
    assert stop.place.key.endswith("losses: z.detach()")


def test_equal_expressions_of_one_function_are_told_apart() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        z = model.first(x)
        one = model.second(z.detach()).mean()
        return {"one": one, "two": model.third(z.detach()).mean()}

    flow = audited(losses).flows[0]
    (one,), (two,) = flow.stops["one"], flow.stops["two"]
    assert one.place.key != two.place.key
    assert two.place.line == one.place.line + 1


def test_a_no_grad_block_is_named_by_its_head() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            target = model.first(x).tanh()
        return {"loss": mse_loss(model.second(x), target)}

    (stop,) = audited(losses).flows[0].cells["loss", "first"].stops
    assert (stop.kind, stop.place.text) == (StopKind.NO_GRAD, "torch.no_grad()")
    assert stop.place.line == line_of(losses, "with torch.no_grad()")


def test_a_chain_of_stops_is_named_from_the_loss_outwards() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        inner = model.first(x).detach()
        outer = model.second(inner).detach()
        return {"loss": model.third(outer).mean()}

    cells = audited(losses).flows[0].cells
    assert [stop.place.text for stop in cells["loss", "first"].stops] == [
        "model.second(inner).detach()",
        "model.first(x).detach()",
    ]
    assert "again at" in cells["loss", "first"].reason


def test_parallel_stops_are_all_named() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        z = model.first(x)
        return {"loss": mse_loss(model.second(z.detach()), z.data)}

    cell = audited(losses).flows[0].cells["loss", "first"]
    assert {stop.place.text for stop in cell.stops} == {"z.detach()", "z.data"}


def test_what_torch_stops_for_itself_is_no_stop_of_the_trainer() -> None:
    model = Pair()
    model.second = nn.utils.parametrizations.spectral_norm(model.second)

    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        return {"loss": model.second(model.first(x)).mean()}

    assert audited(losses, model).flows[0].stops == {"loss": ()}


def test_the_shape_of_a_tensor_is_no_data_path() -> None:
    def losses(model: Pair, x: Tensor) -> dict[str, Tensor]:
        return {"loss": model.second(torch.zeros_like(model.first(x))).mean()}

    assert audited(losses).flows[0].cells["loss", "first"].reason == "no data path"


Plan = list[tuple[int, int, str]]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cut_is_named_exactly_where_autograd_has_no_path_but_data_has(data: st.DataObject) -> None:
    how = st.sampled_from(["live", "detach", "no_grad", "data"])
    plan = [
        (data.draw(st.integers(0, 2 + n)), data.draw(st.integers(0, 2 + n)), data.draw(how))
        for n in range(data.draw(st.integers(1, 6)))
    ]
    model = nn.ModuleDict({name: nn.Linear(1, 1) for name in "abc"})
    feeds: list[set[str]] = [{"a"}, {"b"}, {"c"}]

    def losses(x: Tensor) -> dict[str, Tensor]:
        values = [layer(x) for layer in model.values()]
        for first, second, way in plan:
            values.append(_stopped(values[first], way) * values[second])
        return {str(n): value.sum() for n, value in enumerate(values)}

    for first, second, _ in plan:
        feeds.append(feeds[first] | feeds[second])
    (flow,) = audit(Target(model, losses, batches=[torch.ones(1, 1)])).flows
    for (loss, module), cell in flow.cells.items():
        connected = module in feeds[int(loss)]
        assert bool(cell.paths or cell.stops) == connected
        assert not (cell.paths and cell.stops)


def _stopped(value: Tensor, way: str) -> Tensor:
    if way == "no_grad":
        with torch.no_grad():
            return value * 1
    return {"live": value, "detach": value.detach(), "data": value.data}[way]
