"""Ctrl-C and requests to end: one line, the exit code of the signal, and nothing half done."""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import pytest

from jepa_cli.terminal import interruption
from jepa_cli.terminal.interruption import imports_library
from jepa_world_model.config_file import load_config
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.runs.files import FINISHED, INTERRUPTED
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.warm import run_python

ENDING = """
import signal, torch
from torch import nn
from audits import Target

net = nn.ModuleDict({"enc": nn.Linear(2, 2), "dec": nn.Linear(2, 2)})


def forward(batch):
    signal.raise_signal(signal.NUMBER)
    return {"recon": net["dec"](net["enc"](batch)).square().mean()}


def target():
    return Target(net, forward, batches=[torch.ones(2, 2)])


taken = 0


def act(observation):
    global taken
    taken += 1
    if taken == 8:
        signal.raise_signal(signal.NUMBER)
    return taken % 4
"""
COMMANDS = {
    "audit": ["audit-grads", "--target", "ending:target", "--table", "FLOW.md", "--update"],
    "picture": ["render-flow", "--target", "ending:target", "--out", "out.txt"],
    "recording": ["collect", "--env", "grid-rooms", "--policy", "ending:act", "--max-steps", "5", "--out", "data"],
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_a_command_with_one_line(command: str, number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "ending.py").write_text(ENDING.replace("NUMBER", number.name))
    ended = run_python(tmp_path, "-m", "jepa_cli", *COMMANDS[command])
    assert (ended.returncode, ended.stdout) == (128 + number, "")
    assert ended.stderr == f"Error: interrupted by {number.name}\n"
    left = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    episodes = {file.parts[1] for file in left if len(file.parts) == 3}
    assert {file.name for file in left if len(file.parts) < 3} <= {"ending.py", "dataset.json"}
    assert episodes == ({"episode_000000"} if command == "recording" else set())


def test_a_signal_while_pictures_are_drawn_leaves_a_run_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(*_: object) -> list[Path]:
        raise KeyboardInterrupt

    monkeypatch.setattr("jepa_world_model.run.draw_pictures", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run_training(load_config(None, [*SMALL]), tmp_path / "run", Observer())
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["state"], "reason" in status) == (INTERRUPTED, False)
    monkeypatch.setattr("jepa_world_model.run.draw_pictures", lambda *_: [])
    resume_training(tmp_path / "run", Observer())
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == FINISHED


def test_only_the_import_of_a_library_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "looks.py").write_text("import sys\nframe = sys._getframe()\n")
    monkeypatch.syspath_prepend(tmp_path)
    frame: FrameType = __import__("looks").frame
    del sys.modules["looks"]
    assert not imports_library(frame)
    assert not imports_library(sys._getframe())
    monkeypatch.setattr(interruption, "_installed", lambda: (str(tmp_path),))
    assert imports_library(frame)


def test_a_signal_during_an_import_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that is closed sends SIGHUP, and takes no more words."""
    ends: list[int] = []
    monkeypatch.setattr(interruption, "imports_library", lambda frame: True)
    monkeypatch.setattr(os, "_exit", ends.append)
    before = [signal.signal(number, signal.SIG_DFL) for number in interruption.ENDS]
    standard_error = os.dup(2)
    try:
        os.close(2)
        with pytest.raises(KeyboardInterrupt), interruption.interruptible():
            signal.raise_signal(signal.SIGHUP)
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        for number, handler in zip(interruption.ENDS, before, strict=True):
            signal.signal(number, handler)
    assert ends == [128 + signal.SIGHUP]


def test_what_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [signal.signal(number, signal.SIG_IGN) for number in interruption.ENDS]
    try:
        with interruption.interruptible() as heard:
            for number in interruption.ENDS:
                signal.raise_signal(number)
        assert heard == []
    finally:
        for number, handler in zip(interruption.ENDS, before, strict=True):
            signal.signal(number, handler)
