"""Random trainers: every status is the one that plain autograd in float64 gives, and the comparison can fail."""

import warnings
from dataclasses import replace

import pytest
import torch

from audits import Status, audit
from tests.audits.programs import PRECISIONS, Program, Step, Term, expected

SEEDS = (*range(1000, 1025), 34_300)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_status_is_that_of_plain_autograd(seed: int) -> None:
    program = Program.drawn(seed)
    right = expected(program)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = audit(program.target()).flows[0].cells
    wrong = {pair: (str(cell.status), cell.reason) for pair, cell in cells.items() if cell.status not in right[pair]}
    assert wrong == {}, program


def test_the_trainers_are_of_every_precision_and_status() -> None:
    drawn = [Program.drawn(seed) for seed in SEEDS]
    assert {program.precision for program in drawn} == set(PRECISIONS)
    only = {next(iter(right)) for program in drawn for right in expected(program).values() if len(right) == 1}
    assert only >= {Status.ABSENT, Status.LIVE, Status.VACUOUS, Status.IDLE, Status.FROZEN}


def test_the_reference_is_no_audit() -> None:
    drawn = Program.drawn(0)
    name = next(iter(drawn.modules))
    modules = {name: torch.nn.Linear(5, 5)}
    one = replace(drawn, modules=modules, hooks={}, precision="float32", steps=(Step("call", 0, module=name),))
    for kind, right in (("size", Status.LIVE), ("never", Status.VACUOUS), ("softmax", Status.VACUOUS)):
        assert expected(replace(one, losses={"loss": (Term(kind, 1),)}))["loss", name] == {right}
    stopped = replace(one, steps=(*one.steps, Step("detach", 1)), losses={"loss": (Term("size", 2),)})
    assert expected(stopped)["loss", name] == {Status.ABSENT}
