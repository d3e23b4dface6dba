"""The audit as a library: settings, shares, cosines, notes, paths, and what a target may be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock, call

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from audits import Audit, AuditError, Setting, Status, Target, against, audit, with_routes
from audits.paths import trace


class Trainer(nn.Module):
    """Two modules in a row, and a temperature of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = nn.Linear(3, 3), nn.Linear(3, 1)
        self.temperature = nn.Parameter(torch.ones(()))


def losses_of(model: Trainer, x: Tensor, *, closed: bool = True) -> dict[str, Tensor]:
    z = model.encoder(x)
    return {
        "fit": (model.head(z.detach() if closed else z) * model.temperature).square().mean(),
        "size": mse_loss(z, x),
    }


def target(**changes: Any) -> Target:
    torch.manual_seed(0)
    model = Trainer()
    fields: dict[str, Any] = {
        "modules": model,
        "losses": lambda x, **gates: losses_of(model, x, **gates),
        "batches": [torch.rand(4, 3)],
        "gates": {"closed": [True, False]},
    }
    return Target(**(fields | changes))


@pytest.fixture(scope="module")
def everything() -> Audit:
    return audit(target(weights={"fit": 2.0}), settings="all", cosines=True)


def test_the_table_is_a_frame_with_a_level_for_the_setting(everything: Audit) -> None:
    table = everything.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["encoder", "head", "temperature"]
    assert table.loc[("default", "fit"), "encoder"] == "absent"
    assert table.loc[("closed=False", "fit"), "encoder"] == "live"
    assert list(audit(target()).table().index) == ["fit", "size"]


def test_a_parameter_of_the_root_is_a_column_of_its_own(everything: Audit) -> None:
    cell = everything.flows[0].cells["fit", "temperature"]
    assert (cell.status, cell.paths, cell.reached, cell.parameters) == (Status.LIVE, 1, 1, 1)


def test_shares_are_of_weighted_norms_and_add_up(everything: Audit) -> None:
    cells = everything.flows[1].cells
    fit, size = cells["fit", "encoder"], cells["size", "encoder"]
    assert fit.norm
    assert size.norm
    assert fit.share == pytest.approx(2 * fit.norm / (2 * fit.norm + size.norm))
    assert (fit.share or 0) + (size.share or 0) == pytest.approx(1)


def test_norm_and_cosine_are_those_of_plain_autograd(everything: Audit) -> None:
    made = target()
    model = made.modules
    assert isinstance(model, Trainer)
    losses = losses_of(model, made.batches[0], closed=False)
    parts = {
        name: torch.cat([g.flatten() for g in torch.autograd.grad(loss, model.encoder.parameters(), retain_graph=True)])
        for name, loss in losses.items()
    }
    flow = everything.flows[1]
    for name, vector in parts.items():
        assert flow.cells[name, "encoder"].norm == pytest.approx(float(vector.norm()), rel=1e-5)
    cosine = torch.cosine_similarity(parts["fit"], parts["size"], dim=0)
    assert flow.cosines["encoder"]["fit", "size"] == pytest.approx(float(cosine), rel=1e-4)


def test_a_gate_is_named_by_what_it_stops(everything: Audit) -> None:
    (stop,) = everything.flows[0].cells["fit", "encoder"].stops
    assert stop.gate == "closed"
    assert "(gate closed)" in everything.flows[0].cells["fit", "encoder"].reason


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    audit(target(), settings="all", on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_some_losses_of_all() -> None:
    found = audit(target(), losses=["size"])
    assert (found.losses, found.known) == (("size",), ("fit", "size"))


def test_a_selective_target_computes_again_only_what_is_wanted() -> None:
    model, asked = Trainer(), Mock()  # a list would be put back

    def losses(x: Tensor, *, only: frozenset[str] | None = None) -> dict[str, Tensor]:
        asked(only)
        found = {"fit": model.head(model.encoder(x)).mean(), "none": 0 * model.head(x).mean()}
        return {name: loss for name, loss in found.items() if only is None or name in only}

    cells = audit(Target(model, losses, batches=[torch.rand(4, 3)], selective=True)).flows[0].cells
    assert (cells["fit", "head"].status, cells["none", "head"].status) == (Status.LIVE, Status.VACUOUS)
    assert asked.call_args_list[0] == call(None)
    assert call(frozenset({"none"})) in asked.call_args_list


def test_a_hinge_that_training_has_satisfied_everywhere_is_idle() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(1, 1)})
    nn.init.constant_(model["encoder"].weight, 1.0)
    nn.init.constant_(model["encoder"].bias, 0.01)
    losses = {"hinge": lambda x: relu(1.0 - model["encoder"](x)).mean()}
    found = audit(
        Target(model, lambda x: {name: loss(x) for name, loss in losses.items()}, batches=[torch.full((4, 1), 1.0)])
    )
    cell = found.flows[0].cells["hinge", "encoder"]
    assert (cell.status, cell.reason) == (Status.IDLE, "zero on every batch at these weights, live at others")


def test_a_module_that_runs_without_a_name_is_noted_and_left_as_it_was() -> None:
    stranger, model = nn.BatchNorm1d(3), Trainer()
    before = {name: value.clone() for name, value in stranger.state_dict().items()}
    found = audit(
        Target(model, lambda x: {"fit": model.head(stranger(model.encoder(x))).mean()}, batches=[torch.rand(4, 3)])
    )
    assert found.notes == ("some losses also reach modules that ran but that the target does not name",)
    assert all(torch.equal(before[name], value) for name, value in stranger.state_dict().items())


def test_a_path_leads_through_the_source_to_a_parameter() -> None:
    made = target()
    path = trace(made, made.settings([{"closed": False}])[0], [("fit", "encoder")])["fit", "encoder"]
    assert path.parameter in ("encoder.weight", "encoder.bias")
    assert [place.function for place in path.places] == ["losses_of"]
    assert trace(made, made.settings()[0], [("fit", "encoder")]) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modules": nn.Identity()}, "no modules"),
        ({"modules": {"flatten": nn.Flatten()}}, "none of its modules has a parameter"),
        ({"gates": {"closed": []}}, "needs a list of values"),
        ({"gates": {"closed": "yes"}}, "needs a list of values"),
    ],
)
def test_a_target_that_cannot_be_is_refused(changes: Mapping[str, Any], message: str) -> None:
    with pytest.raises(AuditError, match=message):
        target(**changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"close": True}], "did you mean 'closed'"),
        ([{"closed": "ajar"}], "closed is one of True, False, found 'ajar'"),
        ("some", "expected 'default', 'all' or a list"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(AuditError, match=message):
        audit(target(), settings=settings)


def test_an_unknown_loss_is_refused_with_the_nearest() -> None:
    with pytest.raises(AuditError, match="did you mean 'size'"):
        audit(target(), losses=["sizes"])


def test_settings_are_all_combinations_and_the_default_comes_first() -> None:
    made = target(gates={"closed": [True, False], "rate": [1, 2, 3]}, losses=lambda x, **_: {})
    labels = [setting.label for setting in made.settings("all")]
    assert labels[0] == "default"
    assert len(set(labels)) == 6
    assert Setting({"closed": False, "rate": 2}, {"closed": True, "rate": 1}).label == "closed=False, rate=2"


def test_on_the_meta_device_routing_is_known_and_nothing_is_called_live() -> None:
    with torch.device("meta"):
        model = nn.ModuleDict({"first": nn.Linear(2, 2), "second": nn.Linear(2, 2)})
        x = torch.empty(3, 2)
    found = audit(Target(model, lambda x: {"loss": model["second"](model["first"](x).detach()).mean()}, batches=[x]))
    first, second = (found.flows[0].cells["loss", name] for name in ("first", "second"))
    assert (first.status, len(first.stops)) == (Status.ABSENT, 1)
    assert (second.status, second.paths) == (Status.UNKNOWN, 2)
    assert "no numbers" in second.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"batches": None},
        {"batches": (x for x in [1])},
        {"modules": {"encoder": torch.ones(2)}},
        {"weights": {"fit": "much"}},
        {"shape": [3]},
        {"losses": {"fit": 1.0}},
        {"gates": ["closed"]},
    ],
)
def test_a_field_of_the_wrong_kind_is_named(changes: Mapping[str, Any]) -> None:
    with pytest.raises(AuditError, match=f"expected {next(iter(changes))}: .*found {next(iter(changes))} is"):
        target(**changes)


def test_a_weight_of_no_loss_is_refused_with_the_nearest() -> None:
    with pytest.raises(AuditError, match="weights has 'fitt': did you mean 'fit'"):
        audit(target(weights={"fitt": 1.0}))


def test_an_undocumented_gradient_is_shown_with_its_way(tmp_path: Path) -> None:
    table = tmp_path / "FLOW.md"
    table.write_text("| Loss | Updates |\n| --- | --- |\n| fit | head, temperature |\n| size | none |\n")
    made = target()
    (drift,) = with_routes(made, against(audit(made), table)).drifts
    assert (drift.loss, drift.module) == ("size", "encoder")
    assert "test_audit.py" in drift.reason
    assert drift.reason.endswith(("encoder.weight", "encoder.bias"))
    assert drift.place is not None
    assert drift.place.function == "losses_of"
