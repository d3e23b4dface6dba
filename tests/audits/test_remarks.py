"""Remarks: what is said without any document, of trainers that train less than they seem to."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audits import Target, audit
from audits.remarks import FINDERS, Remark, remarks

X = torch.linspace(-1, 1, 12).reshape(3, 4)


def net(**more: nn.Module) -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"encoder": nn.Linear(4, 4), "decoder": nn.Linear(4, 4), **more})


def said(modules: nn.Module | dict[str, Any], losses: Callable[..., dict[str, Tensor]], **other: Any) -> list[Remark]:
    asked = other.pop("asked", None)
    return remarks(audit(Target(modules, losses, batches=[X], **other), settings="all", losses=asked))


def plain(model: nn.ModuleDict) -> Callable[..., dict[str, Tensor]]:
    def losses(x: Tensor) -> dict[str, Tensor]:
        z = model["encoder"](x)
        return {"recon": (model["decoder"](z) - x).square().mean(), "size": z.square().mean()}

    return losses


def test_a_trainer_that_trains_all_it_has_is_not_remarked_on() -> None:
    model = net()
    assert said(model, plain(model)) == []


def test_a_module_that_no_loss_updates() -> None:
    model = net(head=nn.Linear(4, 2))
    (remark,) = said(model, plain(model))
    assert (remark.kind, remark.modules) == ("not updated", ("head",))
    assert remark.text.startswith("no loss updates head")


def test_a_module_that_is_frozen_on_purpose_is_not_remarked_on() -> None:
    model = net(teacher=nn.Linear(4, 2).requires_grad_(False))
    assert said(model, plain(model)) == []


def test_of_a_part_of_the_losses_nobody_knows_what_trains_a_module() -> None:
    model = net()
    assert said(model, plain(model), asked=["size"]) == []


def test_a_gate_that_closes_a_module_is_not_remarked_on() -> None:
    model = net()

    def losses(x: Tensor, *, closed: bool) -> dict[str, Tensor]:
        z = model["encoder"](x)
        return {"recon": (model["decoder"](z.detach() if closed else z) - x).square().mean()}

    assert said(model, losses, gates={"closed": (True, False)}) == []


def test_a_loss_that_updates_nothing() -> None:
    model = net()

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = model["encoder"](x)
        return {**plain(model)(x), "target": (z - z).square().mean()}

    (remark,) = said(model, losses)
    assert (remark.kind, remark.losses) == ("updates nothing", ("target",))


def test_a_trainer_in_which_nothing_trains_is_one_remark() -> None:
    model = net()
    extra = torch.zeros(1, requires_grad=True)

    def losses(x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            found = plain(model)(x)
        return {name: loss + extra.sum() for name, loss in found.items()}

    (remark,) = said(model, losses)
    assert remark.kind == "nothing trains"
    assert "trains nothing" in remark.text


def test_parameters_of_a_module_that_get_nothing_are_named() -> None:
    model = net(encoder=nn.Sequential(nn.Linear(4, 4), nn.MultiheadAttention(4, 2)))
    model["encoder"].forward = lambda x: model["encoder"][0](x)
    (remark,) = said(model, plain(model))
    assert (remark.kind, remark.modules) == ("parameters without gradient", ("encoder",))
    assert set(remark.names) == {f"1.{name}" for name, _ in model["encoder"][1].named_parameters()}
    assert remark.text.startswith("4 of 6 parameters of encoder get no gradient from any loss: 1.in_proj_weight, ")


def test_what_another_batch_reaches_is_used() -> None:
    model = net(encoder=nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)]))

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = model["encoder"][int(x[0, 0] > 0)](x)
        return {"recon": (model["decoder"](z) - x).square().mean()}

    assert remarks(audit(Target(model, losses, batches=[X, X + 2]))) == []
    (remark,) = remarks(audit(Target(model, losses, batches=[X])))
    assert remark.names == ("1.weight", "1.bias")


def norm(model: nn.ModuleDict) -> Callable[..., dict[str, Tensor]]:
    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"distil": (plain(model)(x)["recon"] + (model["encoder"](x) - model["teacher"](x)).square().mean())}

    return losses


def test_statistics_of_a_frozen_module_that_move() -> None:
    model = net(teacher=nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).requires_grad_(False))
    (remark,) = said(model, norm(model))
    assert (remark.kind, remark.names) == ("statistics of a frozen module", ("teacher.1",))
    model["teacher"].eval()
    assert said(model, norm(model)) == []


def test_modules_that_run_and_have_no_name_are_called_as_the_trainer_calls_them() -> None:
    model, helper, fixed = net(), nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 4).requires_grad_(False)

    def losses(x: Tensor) -> dict[str, Tensor]:
        return plain(model)(helper(fixed(x)))

    (remark,) = said(model, losses)
    assert (remark.kind, remark.names) == ("ran without a name", ("helper.0",))


def test_parameters_of_a_module_that_are_named_one_by_one_have_a_name() -> None:
    model = net()
    assert said({"encoder": list(model["encoder"].parameters()), "decoder": model["decoder"]}, plain(model)) == []


def test_tied_weights_that_came_apart() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"embedding": nn.Embedding(6, 4), "head": nn.Linear(4, 6, bias=False)})
    tokens = torch.arange(6)

    def losses() -> dict[str, Tensor]:
        return {"next": nn.functional.cross_entropy(model["head"](model["embedding"](tokens)), tokens)}

    model["head"].weight = model["embedding"].weight
    assert remarks(audit(Target(model, losses))) == []
    model["head"].weight = nn.Parameter(model["embedding"].weight.detach().clone())
    (remark,) = remarks(audit(Target(model, losses)))
    assert (remark.kind, remark.names) == ("came apart", ("embedding.weight", "head.weight"))


def test_copies_of_a_whole_module_are_no_weights_that_came_apart() -> None:
    torch.manual_seed(0)
    layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2, enable_nested_tensor=False)

    def losses() -> dict[str, Tensor]:
        return {"loss": layers(X[None]).square().mean() + layers(X[None])[0, 0, 0]}

    assert [each for each in remarks(audit(Target({"layers": layers}, losses))) if each.kind == "came apart"] == []


@pytest.mark.parametrize("kind", FINDERS)
def test_every_remark_says_what_it_is_for(kind: str) -> None:
    assert FINDERS[kind].__doc__
