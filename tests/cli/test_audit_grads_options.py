"""Options of `jepa audit-grads` that do not go together or name nothing, and its help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.audit_targets.command import audit_grads, audit_small, complaint, contents

WORLD_MODEL = {
    "an unknown format": (["--format", "jsn"], "--format jsn: did you mean 'json'?"),
    "a run and a config": (["--checkpoint", "run", "--config", "my.toml"], "leave out --config and --set"),
    "a run and a setting": (["--checkpoint", "run", "--set", "train.seed=1"], "leave out --config and --set"),
    "an update from a run": (["--checkpoint", "run", "--update"], "leave out --checkpoint"),
    "an update without docs": (["--update"], "--update: there is no docs/gradient_flow.md in"),
}
ANOTHER_TRAINER = {
    "a config": (["--config", "my.toml"], "which --config cannot configure"),
    "a setting": (["--set", "train.seed=1"], "which --set cannot configure"),
    "a run": (["--checkpoint", "run"], "which --checkpoint cannot configure"),
    "an update of nothing": (["--update"], "--update needs to know what to write"),
    "strength of some losses": (["--strength", "--losses", "task"], "leave out --losses"),
    "strength as csv": (["--strength", "--format", "csv"], "--strength reports as rich or json"),
    "an explanation as sarif": (["--explain", "task:head", "--format", "sarif"], "--explain reports as rich"),
    "an explanation as json": (["--explain", "task:head", "--format", "json"], "--explain reports as rich"),
    "strength and update": (["--strength", "--update"], "at most one of --strength, --explain, --update"),
    "strength and explanation": (["--strength", "--explain", "task:head"], "found --strength and --explain"),
    "explanation and update": (["--explain", "task:head", "--update"], "found --explain and --update"),
    "a report in no folder": (["--output", "no/report"], "--output no/report: folder no does not exist"),
    "a report over a folder": (["--output", "."], "--output .: expected a file, found a folder"),
}


@pytest.mark.parametrize(("arguments", "expected"), WORLD_MODEL.values(), ids=WORLD_MODEL)
def test_options_that_do_not_fit_the_world_model(arguments: list[str], expected: str, folder: Path) -> None:
    assert expected in complaint(audit_grads(*arguments))
    assert contents(folder) == {}


@pytest.mark.parametrize(("arguments", "expected"), ANOTHER_TRAINER.values(), ids=ANOTHER_TRAINER)
def test_options_that_do_not_fit_another_trainer(arguments: list[str], expected: str, trainers: Path) -> None:
    assert expected in complaint(audit_small(*arguments))
    assert contents(trainers) == {}


@pytest.mark.parametrize("arguments", [["--output", "pipe"], ["--table", "pipe", "--update"]], ids=["output", "table"])
def test_a_device_or_a_pipe_is_not_replaced_by_a_file(arguments: list[str], trainers: Path) -> None:
    os.mkfifo(trainers / "pipe")
    assert f"{arguments[0]} pipe: expected a file, found a device or a pipe" in complaint(audit_small(*arguments))
    assert (trainers / "pipe").is_fifo()


def test_options_are_checked_before_anything_is_computed(trainers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audits.auditing.audit", None)
    assert "does not exist" in complaint(audit_small("--output", "no/report"))


def test_help_shows_examples_and_every_option() -> None:
    shown = audit_grads("--help").stdout
    assert "jepa audit-grads --gates detach_decoder=True --explain recon:encoder" in shown
    for option in ("table", "losses", "gates", "config", "set", "checkpoint", "target", "explain", "strength"):
        assert f"--{option}" in shown
    assert "rich|json|csv|markdown|junit|sarif|github" in shown


@pytest.mark.parametrize(("arguments", "torch_is_loaded"), [(["--help"], False), (["--format", "jsn"], False)])
def test_help_does_not_import_torch(arguments: list[str], torch_is_loaded: bool) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from jepa_cli.app import app; "
        f"CliRunner().invoke(app, ['audit-grads', *{arguments}]); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == str(torch_is_loaded)
