"""Each finding with a trainer that has the fault, and the same one without."""

from __future__ import annotations

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from audits import Target
from audits.remark import Remark
from audits.step.findings.declaration import FILES, FINDERS
from audits.step.real_steps import real_steps
from tests.audits.step.faulty_trainers import FAULTS, X


def found(name: str, *, fault: bool = True) -> tuple[Remark, ...]:
    torch.manual_seed(0)
    return real_steps(FAULTS[name][1](fault)).findings


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_found(name: str) -> None:
    assert [remark.kind for remark in found(name)] == [FAULTS[name][0]]


@pytest.mark.parametrize("name", FAULTS)
def test_without_the_fault_nothing_is_found(name: str) -> None:
    assert found(name, fault=False) == ()


WORDS = {
    "head_forgotten": "head gets gradient from loss and is in no optimizer",
    "frozen_and_decayed": "body is frozen, but the step of optimizer moves it by weight decay",
    "idle_task_with_momentum": "by the momentum that the optimizer remembers",
    "frozen_after_backward": "by a gradient from before it was frozen",
    "never_zeroed": "zero_grad is missing",
    "critic_not_zeroed": "the step of D moves critic by the gradient of g_loss",
    "critic_stepped_between": "the step of D at ",
    "term_added_twice": "shift has 2 times its stated weight",
    "average_of_parameters_only": "teacher.1.running_mean",
    "body_in_both": "body is in 2 optimizers: first, second",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_finding_says_what_and_by_what(name: str) -> None:
    (remark,) = found(name)
    assert WORDS[name] in remark.text


LINES = {
    "critic_stepped_between": "g_loss.backward()",
    "never_zeroed": "optimizer.step()",
    "hidden_state_kept": 'h = cell(x, kept["h"])',
    "graph_that_grows": 'total = kept["sum"] * 0.5 + scale + x.mean(0)',
}


@pytest.mark.parametrize("name", LINES)
def test_the_finding_is_at_its_line(name: str) -> None:
    (remark,) = found(name)
    assert remark.place is not None
    with open(remark.place.path, encoding="utf-8") as source:
        assert source.readlines()[remark.place.line - 1].strip() == LINES[name]


def test_only_what_cannot_train_is_a_failure() -> None:
    failing = {name for name in FAULTS for remark in found(name) if remark.fails}
    assert failing == {"critic_stepped_between", "hidden_state_kept"}


@pytest.fixture
def one_process():
    if distributed.is_initialized():  # by a test of another file
        distributed.destroy_process_group()
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def wrapped(*, past: bool, unused: bool) -> Target:
    model = nn.ModuleDict({"body": nn.Linear(4, 4), "extra": nn.Linear(4, 4)})
    model.forward = lambda x: model["body"](x) if unused else model["extra"](model["body"](x))  # type: ignore[method-assign]
    wrapper = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(wrapper.parameters(), lr=0.1)

    def step(x: torch.Tensor) -> dict[str, torch.Tensor]:
        loss = (wrapper.module(x) if past else wrapper(x)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    return Target({"model": wrapper}, lambda x: {"loss": wrapper.module(x).mean()}, batches=[X], step=step)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize(
    ("past", "unused", "expected"),
    [
        (False, False, []),
        (True, False, ["wrapper bypassed"]),
        (False, True, ["in an optimizer without gradient", "unused under DistributedDataParallel"]),
    ],
)
def test_a_wrapper(past: bool, unused: bool, expected: list[str]) -> None:
    assert sorted(remark.kind for remark in real_steps(wrapped(past=past, unused=unused)).findings) == expected


def test_every_finding_has_a_trainer() -> None:
    assert FILES
    own = {"wrapper bypassed", "unused under DistributedDataParallel", "nothing moves"}
    assert {kind for kind, _ in FAULTS.values()} | own == set(FINDERS)


def test_a_trainer_in_which_nothing_moves() -> None:
    model = nn.Linear(4, 4)

    def step(x: torch.Tensor) -> None:
        model(x).square().mean().backward()

    target = Target({"model": model}, lambda x: {"loss": model(x).mean()}, batches=[X], step=step)
    assert [remark.kind for remark in real_steps(target).findings] == ["nothing moves"]
