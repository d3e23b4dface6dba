"""The footprint notices whatever an audit might leave behind."""

import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audits import Target
from tests.audits.traps.footprint import differences, fill_gradients, footprint

FREE = nn.Parameter(torch.ones(3))
KEPT: dict[str, Any] = {"mean": torch.zeros(3), "array": np.zeros(3), "object": SimpleNamespace(step=0)}


class Model(nn.Module):
    """One of each thing that can change."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
        self.mean, self.log, self.calls = torch.zeros(3), {"means": [1.0]}, 0
        self.generator, self.numbers = torch.Generator(), np.random.default_rng(0)


def of(model: Model) -> Target:
    free = FREE

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"loss": (model.layer(x) * free + KEPT["mean"]).mean()}

    return Target(model, losses, batches=[torch.ones(4, 3)])


def in_place(tensor: Tensor | None) -> None:
    assert tensor is not None
    with torch.no_grad():
        tensor.add_(1)


CHANGES: dict[str, Callable[[Model, Target], object]] = {
    "weight": lambda model, _: in_place(model.layer.weight),
    "weight replaced": lambda model, _: setattr(model.layer, "weight", nn.Parameter(model.layer.weight.detach())),
    "buffer": lambda model, _: in_place(model.norm.running_mean),
    "counter": lambda model, _: in_place(model.norm.num_batches_tracked),
    "gradient": lambda model, _: in_place(model.layer.weight.grad),
    "gradient lost": lambda model, _: model.zero_grad(),
    "gradient of nobody's parameter": lambda *_: in_place(FREE.grad),
    "requires_grad": lambda model, _: model.layer.bias.requires_grad_(False),
    "precision": lambda model, _: model.layer.double(),
    "mode": lambda model, _: model.norm.eval(),
    "plain tensor": lambda model, _: in_place(model.mean),
    "number": lambda model, _: setattr(model, "calls", 1),
    "attribute": lambda model, _: setattr(model, "output", None),
    "nested list": lambda model, _: model.log["means"].append(2.0),
    "hook": lambda model, _: model.layer.register_forward_hook(print),
    "hook of a weight": lambda model, _: model.layer.weight.register_hook(print),
    "own generator": lambda model, _: torch.rand(1, generator=model.generator),
    "own generator of NumPy": lambda model, _: model.numbers.random(),
    "free tensor": lambda *_: in_place(KEPT["mean"]),
    "free array": lambda *_: KEPT["array"].__iadd__(1),
    "attribute of an object": lambda *_: setattr(KEPT["object"], "step", KEPT["object"].step + 1),
    "new key": lambda *_: KEPT.setdefault("new", None),
    "written and put back": lambda model, _: (in_place(model.mean), model.mean.data.zero_()),
    "batch": lambda _, target: in_place(target.batches[0]),
    "batch that requires grad": lambda _, target: target.batches[0].requires_grad_(),
    "generator of torch": lambda *_: torch.rand(1),
    "generator of NumPy": lambda *_: np.random.rand(),
    "generator of Python": lambda *_: random.random(),
    "default precision": lambda *_: torch.set_default_dtype(torch.float64),
    "gradient mode": lambda *_: torch.set_grad_enabled(False),
}


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    state, python = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(), torch.enable_grad():
        yield
    np.random.set_state(state)
    random.setstate(python)
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(change: Callable[[Model, Target], object]) -> None:
    model = Model()
    target = of(model)
    fill_gradients(target)
    before = footprint(target)
    change(model, target)
    assert len(differences(before, footprint(target))) >= 1


def test_looking_changes_nothing() -> None:
    target = of(Model())
    fill_gradients(target)
    assert differences(footprint(target), footprint(target)) == []
