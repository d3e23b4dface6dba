"""A watched training loop: what is measured, what is found, and that the training is the same."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from audits import AuditError, AuditWarning, Sample, watch

X = torch.linspace(-1, 1, 32).reshape(8, 4)


def net() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"encoder": nn.Linear(4, 4), "decoder": nn.Linear(4, 4), "probe": nn.Linear(4, 1)})


def losses_of(model: nn.ModuleDict, *, stopped: bool = True) -> dict[str, Tensor]:
    z = model["encoder"](X)
    read = z.detach() if stopped else z
    return {
        "recon": (model["decoder"](z) - X).square().mean(),
        "size": -(z.square().mean()),
        "value": (model["probe"](read) - 1).square().mean(),
    }


def train(
    model: nn.ModuleDict, steps: int, watching: Any = None, *, stopped: Callable[[int], bool] = lambda _: True
) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        losses = losses_of(model, stopped=stopped(step))
        if watching is not None:
            watching.losses(losses)
        optimizer.zero_grad()
        (losses["recon"] + 0.5 * losses["size"] + losses["value"]).backward()
        optimizer.step()


def test_what_is_measured_is_what_autograd_says() -> None:
    model, seen = net(), list[Sample]()
    with watch(model, every=2, to=[seen.append], weights={"size": 0.5}) as watching:
        twins = [copy.deepcopy(model)]
        train(model, 1, watching)
        train(model, 1, watching)
        twins.append(copy.deepcopy(model))
        train(model, 1, watching)
    assert [sample.step for sample in seen] == [0, 2]
    for sample, twin in zip(seen, twins, strict=True):
        gradients = {
            (loss, module): torch.autograd.grad(
                value, list(twin[module].parameters()), retain_graph=True, allow_unused=True
            )
            for loss, value in losses_of(twin).items()
            for module in twin
            if value.requires_grad
        }
        flat = {
            pair: torch.cat([each.flatten() for each in found]).double()
            for pair, found in gradients.items()
            if found[0] is not None
        }
        assert sample.routing == flat.keys()
        for pair, vector in flat.items():
            assert sample.norms[pair] == pytest.approx(float(vector.norm()), rel=1e-5)
        one, other = flat["recon", "encoder"], flat["size", "encoder"]
        cosine = float(one @ other / one.norm() / other.norm())
        assert sample.cosines["encoder"]["recon", "size"] == pytest.approx(cosine, rel=1e-4)
        share = float(one.norm() / (one.norm() + 0.5 * other.norm()))
        assert sample.shares["recon", "encoder"] == pytest.approx(share, rel=1e-5)


def test_a_negative_weight_turns_the_cosine() -> None:
    seen: list[Sample] = []
    for weight in (1.0, -1.0):
        model = net()
        with watch(model, to=[seen.append], weights={"size": weight}, check=False) as watching:
            watching.losses(losses_of(model))
    one, other = (sample.cosines["encoder"]["recon", "size"] for sample in seen)
    assert one == pytest.approx(-other)


def test_the_training_is_the_same_bit_by_bit() -> None:
    plain, watched = net(), net()
    train(plain, 4)
    with watch(watched, every=1) as watching:
        train(watched, 4, watching)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one.grad, other.grad)
        assert not other._post_accumulate_grad_hooks


def test_the_first_steps_are_told_with_the_losses_of_their_names() -> None:
    model = net()
    with watch(model) as watching:
        train(model, 3, watching)
        assert watching.steps is not None  # told while it trains
    assert watching.steps.weights == {"optimizer": {"recon": 1.0, "size": 0.5, "value": 1.0}}
    assert watching.steps.moved("optimizer") == ("encoder", "decoder", "probe")
    assert watching.findings == ()


def test_a_fault_is_a_warning() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loop() -> None:
        with watch({"encoder": model["encoder"]}):
            for _ in range(3):
                losses_of(model)["recon"].backward()
                optimizer.step()

    with pytest.warns(AuditWarning, match="zero_grad is missing"):
        loop()


def test_routing_that_changes_in_mid_run_is_an_alarm_once() -> None:
    model, told = net(), list[str]()
    with watch(model, every=1, check=False, on_alarm=told.append) as watching:
        train(model, 6, watching, stopped=lambda step: step < 3)
    assert told == ["value has a path to encoder at step 3, and had none at step 2"]
    assert watching.alarms == told


def test_a_loss_that_comes_later_is_no_alarm() -> None:
    model = net()
    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        with watch(model, every=1, check=False) as watching:
            watching.losses(recon=losses_of(model)["recon"])
            watching.losses(losses_of(model))
            watching.losses(recon=losses_of(model)["recon"])
    assert watching.alarms == []


def test_an_error_of_the_measuring_ends_it_and_not_the_training() -> None:
    model = net()

    def broken(_: Sample) -> None:
        raise OSError("the disk is full")

    watching = watch(model, every=1, to=[broken], check=False)
    with pytest.warns(AuditWarning, match="not measured from here on: OSError: the disk is full"):
        train(model, 3, watching)


def test_an_error_of_the_trainer_is_its_own() -> None:
    with pytest.raises(KeyError, match="mine"), watch(net()):
        raise KeyError("mine")


def test_json_lines_are_added(tmp_path: Path) -> None:
    model, file = net(), tmp_path / "gradients.jsonl"
    with watch(model, every=2, to=[file], check=False) as watching:
        train(model, 4, watching)
    first, second = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert (first["step"], second["step"]) == (0, 2)
    assert set(first["gradients"]["value"]) == {"probe"}
    assert first["gradients"]["recon"]["decoder"]["norm"] > 0
    assert first["cosines"]["encoder"][0]["losses"] == ["recon", "size"]


def test_services_are_told_by_their_own_method() -> None:
    model, told = net(), list[tuple[Any, ...]]()
    board = SimpleNamespace(add_scalar=lambda name, value, step: told.append(("board", name, step)))
    flow = SimpleNamespace(log_metrics=lambda numbers, step: told.append(("flow", *numbers, step)))
    bias = SimpleNamespace(log=lambda numbers, step: told.append(("bias", *numbers, step)))
    with watch(model, to=[board, flow, bias], check=False) as watching:
        watching.losses(losses_of(model))
    assert ("board", "gradient/value/probe/norm", 0) in told
    for name in ("flow", "bias"):
        (row,) = (row for row in told if row[0] == name)
        assert "gradient_cosine/encoder/recon/size" in row
        assert row[-1] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"every": 0}, "every: expected 1 or more"),
        ({"to": [3]}, "to: expected a path"),
        ({"modules": 3}, "expected modules"),
    ],
)
def test_bad_arguments_are_one_message(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AuditError, match=said):
        watch(**{"modules": net(), **arguments})
