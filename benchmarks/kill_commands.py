"""Kills `jepa audit-grads --update`, `collect` and `eval` at random moments, and looks at what they leave.

    python -m benchmarks.kill_commands [--kills 20] [--seed 0] [--command audit]

What was there before is there after a kill: each file as it was, or whole and new. Started again, the command ends as
one that was not killed. Training has a script of its own, `kill_and_resume.py`. Exits with 1 if something was lost.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.kill_and_resume import digest, killed_after
from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.inputs import TRAINER

ROOT = Path(__file__).parents[1]
JEPA = (sys.executable, "-m", "jepa_cli")
COMMANDS = {
    "audit": [*JEPA, "audit-grads", "--target", "trainer:target", "--table", "out/FLOW.md", "--update"],
    "collect": [*JEPA, "collect", "--env", "CartPole-v1", "--episodes", "40", "--size", "16", "--out", "out/data"],
    "eval": [*JEPA, "eval", "out/run", "--episodes", "4", "--tasks", "1"],
}
TIMED = "evaluation.json"
"""Holds seconds: it is compared as JSON that is whole."""


def prepare(command: str, out: Path) -> None:
    """What the command finds: for an audit a document, for an evaluation a run."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    if command == "audit":
        (out / "FLOW.md").write_text("# Flow\n\nWritten by hand.\n")
    if command == "eval":
        shutil.copytree("run", out / "run")


def whole(file: Path) -> bool:
    """Whether a file that holds times is whole."""
    try:
        return bool(json.loads(file.read_text()))
    except ValueError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=[*COMMANDS], action="append")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    moments, wrong = random.Random(asked.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("trainer.py").write_text(TRAINER)
        run_training(load_config(None, [*SMALL, "train.steps=1", "model.image_size=64"]), Path("run"), Observer())
        for command in asked.command or COMMANDS:
            wrong += sum(not survived(command, moments) for _ in range(asked.kills))
    print(f"{wrong} losses (seed {asked.seed})")
    return bool(wrong)


def survived(command: str, moments: random.Random) -> bool:
    """Kill once, and compare with a command that was not killed."""
    out, line, silent = Path("out"), COMMANDS[command], subprocess.DEVNULL
    prepare(command, out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    start = time.monotonic()
    subprocess.run(line, stdout=silent, stderr=silent, check=False)
    took, expected = time.monotonic() - start, contents(out)
    prepare(command, out)
    killed = killed_after(seconds := moments.uniform(0.3, 1) * took, line, out)
    kept = all(contents(out).get(file) in (content, expected.get(file)) for file, content in before.items())
    torn = [file for file in out.rglob(TIMED) if not whole(file)]
    if command == "collect":
        shutil.rmtree(out / "data", ignore_errors=True)
    subprocess.run(line, stdout=silent, stderr=silent, check=False)
    same = contents(out) == expected
    state = "killed" if killed else "ended"
    print(f"{command}: {state} after {seconds:.2f} s: {'kept' if kept and not torn else 'LOST'}, ", end="")
    print(f"{'same bytes' if same else 'OTHER BYTES'} in the end ({digest(out)[:12]})", flush=True)
    return kept and not torn and same


def contents(out: Path) -> dict[Path, bytes]:
    """All files but what says how long something took, and what a killed process left half written."""
    left_out = (TIMED, "status.json")
    files = (file for file in out.rglob("*") if file.is_file() and file.name not in left_out)
    return {file: file.read_bytes() for file in files if not file.name.startswith(".jepa-")}


if __name__ == "__main__":
    sys.exit(main())
