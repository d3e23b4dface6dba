"""`jepa audit-grads --script`: a script in its own process, from its first line to the report."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_cli.terminal.command import BAD_INPUT

SCRIPT = """
import atexit, sys
from pathlib import Path
import torch
from torch import nn

print("the script speaks")
atexit.register(lambda: Path("left_behind").touch())
stop = "--stop" in sys.argv
enc, dec, value = nn.Linear(4, 3), nn.Linear(3, 4), nn.Linear(3, 1)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters(), *value.parameters()])
try:
    while True:
        x = torch.randn(6, 4)
        z = enc(x)
        recon = (dec(z) - x).square().mean()
        fit = (value(z.detach() if stop else z) - 1).square().mean()
        (recon + 0.5 * fit).backward()
        opt.step()
        opt.zero_grad()
finally:
    Path("left_behind").touch()
"""


def audit_grads(*arguments: str) -> object:
    return CliRunner().invoke(app, ["audit-grads", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    return tmp_path


def test_a_script_is_documented_and_its_lost_stop_is_a_drift(folder: Path) -> None:
    written = audit_grads("--script", "train.py", "--table", "FLOW.md", "--update", "--", "--stop")
    assert written.exit_code == 0, written.output
    assert "| `fit` | sg(z) | value | |" in (folder / "FLOW.md").read_text()
    assert "the script speaks" not in written.stdout

    drifting = audit_grads("--script", "train.py", "--table", "FLOW.md", "--format", "csv")
    assert drifting.exit_code == 1, drifting.output
    assert "the script speaks" not in drifting.stdout
    assert sorted(os.listdir(folder)) == ["FLOW.lock.json", "FLOW.md", "train.py"]


MISTAKES = {
    ("--script", "none.py"): "--script none.py: no such file",
    ("--script", "."): "--script .: a folder",
    ("--module", "not-a-name"): "--module not-a-name: expected a dotted name",
    ("--script", "train.py", "--module", "train"): "expected one of --script and --module",
    ("--script", "train.py", "--target", "a:b"): "--script runs as it is; leave out --target",
    ("--script", "train.py", "--gates", "all"): "leave out --gates",
    ("--script", "train.py", "--strength"): "--strength breaks the routing again and again",
    ("--script", "train.py", "--update"): "--update needs to know what to write",
    ("--script", "train.py", "--steps", "0"): "--steps 0: expected 1 or more",
    ("--script", "train.py", "--losses", "kl=here"): "--losses kl=here: expected NAME, or NAME=FILE:LINE",
    ("--", "--lr", "1"): "--lr: only a script takes that",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_told_before_anything_runs(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    result = audit_grads(*arguments)
    assert result.exit_code == BAD_INPUT, result.output
    assert MISTAKES[arguments] in result.stderr
    assert "Traceback" not in result.output


def test_a_process_that_ends_without_a_word(folder: Path) -> None:
    (folder / "train.py").write_text("import os\nos._exit(3)\n")
    result = audit_grads("--script", "train.py")
    assert result.exit_code == BAD_INPUT
    assert "train ended its process with exit code 3 before an audit could be made" in result.stderr
