"""What an audit, a picture, a check, a plan or a list reads is never changed: not a byte, not a time."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.drive import complaints
from tests.hostile.inputs import TRAINER

TARGET = ("--target", "trainer:target")
COMMANDS = [
    (["audit-grads", *TARGET, "--table", "FLOW.md"], ""),
    (
        ["audit-grads", *TARGET, "--table", "FLOW.md", "--strict", "--format", "sarif", "--output", "new.sarif"],
        "new.sarif",
    ),
    (["audit-grads", *TARGET, "--table", "FLOW.md", "--explain", "recon:enc"], ""),
    (["audit-grads", *TARGET, "--strength"], ""),
    (["audit-grads", "--checkpoint", "run", "--table", "flow/gradient_flow.md", "--losses", "jepa"], ""),
    (["render-flow", *TARGET, "--against", "FLOW.md", "--out", "new.mmd"], "new.mmd"),
    (["render-flow", "--checkpoint", "run", "--losses", "jepa", "--out", "new.txt"], "new.txt"),
    (["check-weights", "--no-measure", "my.toml"], ""),
    (["check-weights", "--no-measure", "--baseline", "run", "my.toml"], ""),
    (["check-weights", "--checkpoint", "run", "my.toml"], ""),
    (["train", "--print-config", "--config", "my.toml"], ""),
    (["train", "--init", "run", "--config", "my.toml", "--data", "data", "--out", "new"], "new"),
    (["eval", "run", "--episodes", "4", "--tasks", "1", "--planners", "random"], "run/evaluation.json"),
    (["eval", "run", "--data", "data", "--tasks", "1", "--planners", "random"], "run/evaluation.json"),
    (["plan", "run", "--moves", "1", "--out", "new.gif"], "new.gif"),
    (["collect", "--env", "grid-rooms", "--policy", "run", "--size", "16", "--episodes", "1", "--out", "new"], "new"),
    (["data", "show", "data", "--out", "new.png"], "new.png"),
    (["data", "convert", "data", "new", "--size", "32"], "new"),
    (["runs", "list", "."], ""),
    (["runs", "compare", "run", "run2", "--out", "new.png"], "new.png"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Something of each kind that a command reads."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jepa_world_model.run.draw_pictures", lambda trainer, run: [])
        patched.setattr(sys, "dont_write_bytecode", True)
        patched.setattr(sys, "path", [path for path in sys.path if path])
        patched.setenv("COLUMNS", "80")
        folder = tmp_path_factory.mktemp("inputs")
        patched.chdir(folder)
        for name in ("run", "run2"):
            run_training(load_config(None, [*SMALL, "train.steps=2"]), Path(name), Observer())
        shutil.copy("run/config.toml", "my.toml")
        shutil.copytree(Path(__file__).parents[2] / "docs", "flow", ignore=lambda _, names: {*names} - FLOW)
        Path("trainer.py").write_text(TRAINER)
        collect = ["collect", "--env", "grid-rooms", "--episodes", "8", "--max-steps", "12", "--size", "16"]
        assert complaints([*collect, "--out", "data"], ["data"], expected=0) == []
        update = ["audit-grads", *TARGET, "--table", "FLOW.md", "--update"]
        assert complaints(update, ["FLOW.md", "FLOW.lock.json"], expected=0) == []
        yield folder
        sys.modules.pop("trainer", None)


FLOW = {"gradient_flow.md", "gradient_flow.lock.json"}


def state(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Of every file: what it holds, when it was changed, its permissions, and which one it is."""
    return {
        file.as_posix(): (file.read_bytes(), told.st_mtime_ns, told.st_mode, told.st_ino)
        for file in folder.rglob("*")
        if file.is_file()
        for told in [os.stat(file)]
    }


@pytest.mark.parametrize(("line", "output"), COMMANDS, ids=[" ".join(line) for line, _ in COMMANDS])
def test_what_a_command_reads_stays_as_it_is(line: list[str], output: str, inputs: Path) -> None:
    before = state(Path())
    assert complaints(line, [output], expected=0 if line[0] != "plan" else 1) == []
    after = state(Path())
    new = {name for name in after if output and name.startswith(output)}
    assert {name: told for name, told in after.items() if name not in new} == before
    assert bool(new) == bool(output)
    for name in {Path(each).parts[0] for each in new}:
        if name.startswith("new"):
            shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
        else:
            Path(output).unlink()
