"""What `jepa audit-grads` says of any trainer, and what a trainer that prints cannot do to it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.audit_targets.command import AS_DOCUMENTED, DRIFT, audit_grads

TRAINER = """\
import torch
from torch import nn
from audits import Target
model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "head": nn.Linear(2, 2), "spare": nn.Linear(2, 2)})
def losses(x):
    return {"fit": model["head"](model["encoder"](x)).square().mean()}
def target():
    return Target(model, losses, batches=[torch.ones(3, 2)])
"""
LOUD = """\
import ctypes, os, subprocess, sys
from quiet_trainer import *
print("importing")
def loud(x):
    print("step")
    os.write(1, b"past Python")
    ctypes.CDLL(None).puts(b"from a library")
    z = model["encoder"](x)
    z.register_hook(lambda gradient: print("backward"))
    return {"fit": model["head"](z).square().mean()}
def target():
    subprocess.run([sys.executable, "-c", "print('from a program')"])
    return Target(model, loud, batches=[torch.ones(3, 2)])
"""
PRINTED = ("importing", "step", "past Python", "from a library", "backward", "from a program")


@pytest.fixture
def trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "quiet_trainer.py").write_text(TRAINER)
    (tmp_path / "loud_trainer.py").write_text(LOUD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("quiet_trainer", "loud_trainer"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_what_a_target_prints_goes_to_standard_error(trainers: Path) -> None:
    """As a process: what libraries and other programs print passes by the streams of Python."""
    command = [sys.executable, "-m", "jepa_cli", "audit-grads", "--target", "loud_trainer:target", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == AS_DOCUMENTED
    assert json.loads(done.stdout)["losses"] == ["fit"]
    for text in PRINTED:
        assert text in done.stderr


@pytest.mark.parametrize("format", ["rich", "json", "markdown", "github", "sarif", "junit"])
def test_a_remark_is_in_every_report_and_counts_under_strict_alone(trainers: Path, format: str) -> None:
    for strict, code in (([], AS_DOCUMENTED), (["--strict"], DRIFT)):
        found = audit_grads("--target", "quiet_trainer:target", "--format", format, *strict)
        assert found.exit_code == code, found.output
        assert "no loss updates spare" in found.stdout


def test_a_remark_is_made_with_a_document_too(trainers: Path) -> None:
    table = trainers / "FLOW.md"
    table.write_text("| Loss | Trains |\n| - | - |\n| fit | head (from z) + encoder |\n")
    asked = ("--target", "quiet_trainer:target", "--table", table)
    found = audit_grads(*asked)
    assert (found.exit_code, "as documented" in found.stdout) == (AS_DOCUMENTED, True)
    assert "remark: no loss updates spare" in found.stdout
    strict = audit_grads(*asked, "--strict")
    assert (strict.exit_code, strict.stdout.splitlines()[-1]) == (DRIFT, "1 remark: 1 loss x 3 modules")


def test_complete_demands_what_the_document_leaves_out_and_update_adds_it(trainers: Path) -> None:
    (trainers / "quiet_trainer.py").write_text(
        TRAINER.replace("}\ndef target", ', "size": model["spare"](x).square().mean()}\ndef target')
    )
    table = trainers / "FLOW.md"
    table.write_text("| Loss | Trains |\n| - | - |\n| fit | head (from z) + encoder |\n")
    asked = ("--target", "quiet_trainer:target", "--table", table)
    assert "FLOW.md does not speak of the loss size: not compared" in audit_grads(*asked).stdout
    found = audit_grads(*asked, "--complete")
    assert (found.exit_code, "size: undocumented" in found.stdout) == (DRIFT, True)
    assert audit_grads(*asked, "--update").exit_code == AS_DOCUMENTED
    assert "size" not in table.read_text()
    assert audit_grads(*asked, "--update", "--complete").exit_code == AS_DOCUMENTED
    assert table.read_text().endswith("| fit | head (from z) + encoder |\n| `size` | spare |\n")
