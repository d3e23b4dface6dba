"""What a forward pass computes from what: named as its source names it, and true to the gradient of each loss."""

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import linear, mse_loss

from audits import Audit, Target, audit
from audits.dataflow.links import DataFlow, Link, dataflow
from audits.dataflow.values import Kind, Node
from audits.legend import Legend
from jepa_world_model.config_file import load_config
from jepa_world_model.gradient_flow.target import jepa_target
from tests.audits.test_traps import AUDITED, outcome
from tests.audits.traps import Trap
from tests.spec.specified import SPECIFIED

Losses = Callable[["Model", Tensor], Mapping[str, Tensor]]

HIDDEN = {
    "tied_weights",
    "one_module_under_two_names",
    "one_child_under_two_names",
    "module_inside_another",
    "graph_from_before",
    "script_module",
    "trace_module",
}
"""Traps with an update that no link tells: shared weights, and code that torch runs out of sight."""


class Model(nn.Module):
    """Modules to be wired in every way."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head, self.critic = (nn.Linear(3, 3) for _ in range(3))
        self.cell = nn.RNNCell(3, 3)
        self.temperature = nn.Parameter(torch.ones(()))


def flow_of(losses: Losses, **options: object) -> DataFlow:
    torch.manual_seed(0)
    model = Model()
    target = Target(model, lambda x: losses(model, x), batches=[torch.rand(4, 3)], **options)  # type: ignore[arg-type]
    return dataflow(target, target.settings()[0])


def named(flow: DataFlow) -> dict[str, Link]:
    """Links by the names at their ends, what is frozen in brackets: ``x > [encoder]``."""

    def name(node: Node) -> str:
        return f"[{node.name}]" if node.kind is Kind.FROZEN else node.name

    return {f"{name(source)} > {name(sink)}": link for (source, sink), link in flow.links.items()}


def ends(link: Link) -> list[tuple[str, set[str]]]:
    return [(stop.place.text, losses) for stop, losses in link.cuts.items()]


def test_data_runs_from_the_batch_through_modules_to_losses() -> None:
    flow = flow_of(lambda model, x: {"task": model.head(model.encoder(x).relu()).square().mean()})
    assert [*named(flow)] == ["batch > encoder", "encoder > head", "head > task"]
    assert [link.losses for link in flow.links.values()] == [set(), {"task"}, {"task"}]


def test_a_stop_ends_the_gradient_of_those_who_read_behind_it() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        z = model.encoder(x)
        return {"task": model.head(z).mean(), "value": model.critic(z.detach()).mean()}

    links = named(flow_of(losses))
    assert links["encoder > head"].losses == {"task"}
    assert (links["encoder > critic"].losses, ends(links["encoder > critic"])) == (set(), [("z.detach()", {"value"})])


def test_two_ways_between_the_same_nodes_are_told_apart_by_loss() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        z = model.encoder(x)
        return {"both": mse_loss(z[:2], z[2:].detach()), "live": z.mean()}

    links = named(flow_of(losses))
    assert (links["encoder > both"].losses, ends(links["encoder > both"])) == ({"both"}, [("z[2:].detach()", {"both"})])
    assert (links["encoder > live"].losses, ends(links["encoder > live"])) == ({"live"}, [])


def test_an_order_or_a_mask_of_what_takes_gradient_is_no_cut_of_its_own() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        z = model.encoder(x).flatten()
        ordered, order = z.sort()
        return {"both": (ordered * torch.arange(12.0)[order]).sum(), "order": (order * model.temperature).sum()}

    links = named(flow_of(losses))
    assert (links["encoder > both"].losses, ends(links["encoder > both"])) == ({"both"}, [])
    assert (links["encoder > order"].losses, ends(links["encoder > order"])) == (set(), [("z.sort()", {"order"})])


def test_of_two_stops_in_a_row_gradient_meets_the_one_nearer_to_the_loss() -> None:
    flow = flow_of(lambda model, x: {"task": (model.critic(x) + model.encoder(x).detach().exp().detach()).mean()})
    ((text, losses),) = ends(named(flow)["encoder > task"])
    assert (text.count("detach"), losses) == (1, {"task"})
    behind = flow_of(
        lambda model, x: {"task": (model.critic(x) + (model.encoder(x).detach() + model.head(x)).detach()).mean()}
    )
    assert {text.count("detach") for text, _ in ends(named(behind)["encoder > task"])} == {2}


def test_a_module_without_gradient_to_its_parameters_is_a_node_of_its_own() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        model.critic.requires_grad_(False)
        judged = model.critic(model.encoder(x)).mean()
        model.critic.requires_grad_(True)
        return {"actor": judged, "critic": model.critic(x).mean()}

    links = named(flow_of(losses))
    assert links["encoder > [critic]"].losses == {"actor"}
    assert links["[critic] > actor"].losses == {"actor"}
    assert links["critic > critic"].losses == {"critic"}


def test_under_no_grad_gradient_ends_where_the_module_gives_its_output() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            target = model.encoder(x).tanh()
        return {"task": mse_loss(model.head(x), target)}

    links = named(flow_of(losses))
    assert ends(links["[encoder] > task"]) == [("torch.no_grad()", {"task"})]
    assert links["batch > [encoder]"] == Link()


def test_a_recurrent_module_reads_what_it_gave_before() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        first = model.cell(x)
        return {"task": model.cell(x, first).mean(), "truncated": model.cell(x, first.detach()).mean()}

    link = named(flow_of(losses))["cell > cell"]
    assert (link.losses, ends(link)) == ({"task"}, [("first.detach()", {"truncated"})])


def test_the_layers_of_a_module_are_no_links() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        z = linear(x, model.encoder.weight).relu()
        return {"task": linear(z, model.encoder.weight).mean()}  # its parameters, without a call

    assert [*named(flow_of(losses))] == ["batch > encoder", "encoder > task"]


def test_a_penalty_on_parameters_comes_from_the_module() -> None:
    flow = flow_of(lambda model, x: {"decay": sum(p.square().sum() for p in model.head.parameters())})  # type: ignore[dict-item]
    assert {name: link.losses for name, link in named(flow).items()} == {"head > decay": {"decay"}}


def test_a_bare_parameter_is_read_and_computes_nothing() -> None:
    links = named(flow_of(lambda model, x: {"task": (model.temperature.exp() * model.head(x)).mean()}))
    assert {name: link.losses for name, link in links.items()} == {
        "batch > head": set(),
        "temperature > task": {"task"},
        "head > task": {"task"},
    }


def test_a_loss_may_be_made_of_losses() -> None:
    def losses(model: Model, x: Tensor) -> dict[str, Tensor]:
        task, value = model.head(x).mean(), model.critic(x).mean()
        return {"task": task, "value": value, "total": task + 0.1 * value}

    links = named(flow_of(losses))
    assert links["task > total"].losses == links["value > total"].losses == {"total"}
    assert links["head > task"].losses == {"task", "total"}


def test_what_no_asked_loss_needs_is_left_out() -> None:
    model = Model()
    target = Target(
        model, lambda x: {"task": model.head(x).mean(), "value": model.critic(x).mean()}, batches=[torch.rand(4, 3)]
    )
    assert [*named(dataflow(target, target.settings()[0], ["value"]))] == ["batch > critic", "critic > value"]


class States:
    """z, and h with two parts."""

    def __init__(self, model: Model, x: Tensor) -> None:
        self._model, self._x = model, x

    @property
    def z(self) -> Tensor:
        return self._model.encoder(self._x)

    @property
    def h(self) -> Tensor:
        first = self._model.cell(self.z)
        return torch.stack([first, self._model.cell(self.z, first)])


def with_states(**legend: object) -> dict[str, Link]:
    flow = flow_of(lambda model, x: {"task": States(model, x).h.mean()}, states=(States,), legend=Legend(**legend))  # type: ignore[arg-type]
    return named(flow)


def test_properties_of_state_classes_are_nodes_and_so_are_the_parts_they_are_stacked_of() -> None:
    assert [*with_states()] == ["batch > encoder", "encoder > z", "z > cell", "cell > h", "h > cell", "h > task"]


def test_symbols_choose_and_rename_states() -> None:
    assert [*with_states(symbols={"h": "belief"})] == [
        "batch > encoder",
        "encoder > cell",
        "cell > belief",
        "belief > cell",
        "belief > task",
    ]


class Pair(NamedTuple):
    x: Tensor
    goals: dict[str, Tensor]


def test_parts_of_a_batch_are_called_by_field_key_and_position() -> None:
    model = Model()

    def losses(batch: tuple[Tensor, Pair]) -> dict[str, Tensor]:
        noise, (x, goals) = batch
        return {"task": mse_loss(model.head(x + noise), goals["far"])}

    noise, x, near, far = torch.rand(4, 4, 3)
    target = Target(model, losses, batches=[(noise, Pair(x, {"near": near, "far": far}))])
    nodes = [node.name for node in dataflow(target, target.settings()[0]).nodes if node.kind is Kind.INPUT]
    assert nodes == ["batch[1].x", "batch[0]", "batch[1].goals.far"]


def updates(flow: DataFlow) -> set[tuple[str, str]]:
    """Loss and module wherever gradient runs back into a module."""
    return {
        (loss, source.name)
        for (source, _), link in flow.links.items()
        if source.kind is Kind.MODULE
        for loss in link.losses
    }


@pytest.mark.slow
@pytest.mark.parametrize("specified", SPECIFIED, ids=lambda each: "+".join(g for g, on in each["gates"].items() if on))
def test_the_world_model_is_linked_as_specified(specified: dict) -> None:
    target = jepa_target(load_config(None, []))
    flow = dataflow(target, target.settings([specified["gates"]])[0])
    assert updates(flow) == {(loss, module) for loss, modules in specified["updates"].items() for module in modules}


def updating(trap: Trap) -> dict[str, set[tuple[str, str]]]:
    """By setting: the pairs with an update. `test_traps.py` says that the audit finds the status that is right.

    Where several are, it is asked which one it found.
    """
    may, must = (
        {
            label: {pair for pair in cells if of(status.updates for status in trap.right(label, *pair))}
            for label, cells in trap.expected.items()
        }
        for of in (any, all)
    )
    if may == must:
        return must
    found = outcome(trap).result
    assert isinstance(found, Audit), found
    return {f.setting.label: {pair for pair, cell in f.cells.items() if cell.status.updates} for f in found.flows}


@pytest.mark.slow
@pytest.mark.parametrize("trap", AUDITED, ids=lambda trap: trap.name)
def test_links_agree_with_the_audit(trap: Trap) -> None:
    missing: set[tuple[str, str]] = set()
    expected = updating(trap)
    for setting in trap.target().settings(trap.settings):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            missing |= expected[setting.label] - updates(dataflow(trap.target(), setting))
    assert bool(missing) is (trap.name in HIDDEN)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_wirings_are_linked_as_autograd_says(data: st.DataObject) -> None:
    """Layers that read random earlier values, some detached, and losses that read random ones."""
    layers = data.draw(st.integers(2, 6))
    reads = [
        data.draw(st.lists(st.tuples(st.integers(0, n), st.booleans()), min_size=1, max_size=3)) for n in range(layers)
    ]
    ends = data.draw(st.lists(st.lists(st.integers(1, layers), min_size=1, max_size=3), min_size=1, max_size=4))
    model = nn.ModuleDict({f"layer{n}": nn.Linear(3, 3, dtype=torch.float64) for n in range(layers)})

    def losses(x: Tensor) -> dict[str, Tensor]:
        values = [x]
        for n, sources in enumerate(reads):
            read = [values[i].detach() if stopped else values[i] for i, stopped in sources]
            values.append(model[f"layer{n}"](torch.stack(read).sum(0)))
        return {f"loss{n}": torch.stack([values[i] for i in end]).square().mean() for n, end in enumerate(ends)}

    target = Target(model, losses, batches=[torch.rand(2, 3, dtype=torch.float64)])
    (flow,) = audit(target).flows
    assert updates(dataflow(target, flow.setting)) == {pair for pair, cell in flow.cells.items() if cell.paths}
