"""`jepa audit-grads --target`: another trainer, and everything that can be wrong with one."""

import re
from pathlib import Path

import pytest

from tests.cli.audit_targets.command import (
    AS_DOCUMENTED,
    BAD_INPUT,
    FLOW,
    TRAINERS,
    audit_grads,
    audit_small,
    complaint,
    contents,
)

WRONG_TARGETS = {
    "with_losses_as_list": "expected a mapping from loss names to scalars, found list",
    "without_losses": "found an empty dict",
    "with_a_vector": "loss 'task' (gates: default): expected a tensor with one element, found shape [3, 2]",
    "with_a_complex_loss": "loss 'task' (gates: default): expected a real number, found torch.complex64",
    "with_nan": "loss 'task' (gates: default): is nan",
    "with_an_infinite_loss": "loss 'task' (gates: default): is inf",
    "with_a_gate_without_values": "gate 'critic_trains_encoder' needs a list of values",
    "with_a_gate_of_text": "gate 'critic_trains_encoder' needs a list of values",
    "with_a_gate_of_one_value": "gate",
    "with_gates_as_list": "gates",
    "with_a_gate_that_losses_do_not_take": "unexpected keyword argument 'detach_everything'",
    "with_a_step_that_returns_numbers": "its step returns numbers without a graph",
    "with_a_step_that_is_none": "step: a function",
    "with_optimizers_as_list": "optimizers: a mapping from names to optimizers",
    "without_modules": "has no modules",
    "without_parameters": "has no modules",
    "that_needs": "found that it needs device, seed",
    "that_returns_a_module": "returns an audits.Target, found Trainer",
    "that_returns_nothing": "returns an audits.Target, found NoneType",
    "audit_targt": "did you mean 'audit_target'?",
    "FEATURES": "expected a function 'FEATURES', found int",
}
RAISING = {
    "that_raises": ("LookupError", "no weights here", "raise LookupError"),
    "that_exits": ("SystemExit", "no device", 'sys.exit("no device")'),
    "with_losses_that_raise": ("RuntimeError", "shapes cannot be multiplied", "the line that torch stumbles over"),
    "with_a_step_that_raises": ("ArithmeticError", "no more batches", "# in its step"),
    "with_losses_that_exit": ("SystemExit", "0", "lambda trainer, x: sys.exit(0)"),
    "with_losses_that_fail_at_one_setting": ("RuntimeError", "cannot be multiplied", "features = self.encoder(x)"),
}


@pytest.mark.slow
def test_a_target_is_found_in_the_current_folder(folder: Path) -> None:
    (folder / "own_trainer.py").write_text((TRAINERS / "trainers.py").read_text())
    result = audit_grads("--target", "own_trainer:audit_target", "--table", FLOW)
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert "as documented: 2 losses x 3 modules at 2 gate settings" in result.stdout


@pytest.mark.slow
def test_a_target_is_found_in_a_package(folder: Path) -> None:
    (folder / "own_package").mkdir()
    (folder / "own_package" / "trainer.py").write_text((TRAINERS / "trainers.py").read_text())
    assert audit_grads("--target", "own_package.trainer:audit_target").exit_code == AS_DOCUMENTED


@pytest.mark.slow
def test_without_a_table_the_flow_is_shown_and_how_to_get_one(trainers: Path) -> None:
    result = audit_small()
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert "--table FLOW.md --update writes one" in result.stdout
    assert re.search(r"^task +● +● +·$", result.stdout, re.MULTILINE)
    assert re.search(r"^value +· +· +●$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(("function", "loss"), [("with_a_float", "task"), ("with_a_constant", "penalty")])
def test_a_loss_that_is_a_constant_is_a_row_without_a_module(function: str, loss: str, trainers: Path) -> None:
    result = audit_small(function=function)
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert re.search(rf"^{loss} +·  ·  ·$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(("function", "expected"), WRONG_TARGETS.items(), ids=WRONG_TARGETS)
def test_a_wrong_target_is_one_message(function: str, expected: str, trainers: Path) -> None:
    assert expected in complaint(audit_small("--table", "FLOW.md", "--update", function=function))
    assert contents(trainers) == {}


@pytest.mark.parametrize("function", RAISING)
def test_an_exception_of_the_trainer_is_named_with_the_line_of_its_code(function: str, trainers: Path) -> None:
    kind, message, source = RAISING[function]
    text = complaint(audit_small(function=function))
    lines = (TRAINERS / "trainers.py").read_text().splitlines()
    number = next(number for number, line in enumerate(lines, start=1) if source in line)
    assert f"{kind} at " in text
    assert f"trainers.py:{number}: " in text
    assert message in text


def test_an_exception_of_a_library_is_at_the_line_that_called_it(folder: Path) -> None:
    (folder / "uses_json.py").write_text("import json\n\n\ndef target():\n    return json.loads('{')\n")
    assert "JSONDecodeError at uses_json.py:5: " in complaint(audit_grads("--target", "uses_json:target"))


def test_losses_that_no_line_of_the_trainer_called_are_placed_at_their_definition(trainers: Path) -> None:
    text = complaint(audit_small(function="with_a_gate_that_losses_do_not_take"))
    assert re.search(r"trainers\.py:\d+: ", text)


@pytest.mark.parametrize("reference", ["trainers", "trainers:", ":audit_target", "./trainers:f", "a..b:f"])
def test_a_malformed_reference_says_what_is_expected(reference: str, folder: Path) -> None:
    assert "expected package.module:function" in complaint(audit_grads("--target", reference))


def test_a_file_is_no_module(trainers: Path) -> None:
    assert "there is no module 'trainers.py'" in complaint(audit_grads("--target", "trainers.py:audit_target"))


@pytest.mark.parametrize("reference", ["no_such_trainer:f", "no_such_package.trainer:f"])
def test_a_module_that_is_not_there_is_named_with_where_it_was_looked_for(reference: str, folder: Path) -> None:
    text = complaint(audit_grads("--target", reference))
    assert f"there is no module {re.split('[.:]', reference)[0]!r} in {folder}" in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ndef f(:\n", "SyntaxError at broken.py:2: invalid syntax"),
        ("import no_such_library\n", "ModuleNotFoundError at broken.py:1: No module named 'no_such_library'"),
        ("from audits import Tarjet\n", "ImportError at broken.py:1: cannot import name 'Tarjet'"),
        ("\n\n1 / 0\n", "ZeroDivisionError at broken.py:3: division by zero"),
        ("raise SystemExit\n", "SystemExit at broken.py:1: it gives no reason"),
        ("raise RuntimeError\n", "RuntimeError at broken.py:1: it gives no reason"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_the_line(source: str, expected: str, folder: Path) -> None:
    (folder / "broken.py").write_text(source)
    text = complaint(audit_grads("--target", "broken:f"))
    assert "importing broken raised" in text
    assert expected in text


def test_a_module_that_fails_while_importing_its_own_helper_is_placed_in_the_helper(folder: Path) -> None:
    (folder / "outer.py").write_text("import inner_helper\n")
    (folder / "inner_helper.py").write_text("\nraise ValueError('bad constant')\n")
    assert "ValueError at inner_helper.py:2: bad constant" in complaint(audit_grads("--target", "outer:f"))


def test_a_bug_of_the_audit_is_shown_in_full_and_is_no_drift(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("audits.auditing.audit", broken)
    result = audit_small()
    assert result.exit_code == BAD_INPUT
    assert "Traceback" in result.stderr
    assert "RuntimeError: a bug" in result.stderr
