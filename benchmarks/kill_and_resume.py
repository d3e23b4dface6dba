"""Kills a training at random moments, goes on with it, and compares what it leaves with a run in one go.

    python -m benchmarks.kill_and_resume [--kills 20] [--seed 0] [--processes 1] [--preset recommended]

Each time the process gets SIGKILL after a random part of the time that a whole run takes, its start included; then it
is started again, as a scheduler would, until it ends. Every file of the run folder but status.json must have the
SHA-256 that it has after a run in one go. Exits with 1 if one has not.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SETTINGS = (
    "model.image_size=16",
    "model.encoder_widths=[4,8]",
    "model.decoder_widths=[4,8]",
    "model.h_dim=12",
    "model.hidden_width=16",
    "data.episodes=6",
    "data.episode_length=12",
    "train.batch_size=4",
    "train.sequence_length=5",
    "train.rollout_horizon=3",
    "train.device=cpu",
    "train.threads=1",
    "train.steps=120",
    "train.validate_every=10",
    "train.log_every=4",
    "train.checkpoint_every_steps=3",
)
IMPORTS = 2.0
"""Seconds that a process takes at least until its run folder is there; earlier kills would test little."""


def command(processes: int, *arguments: str) -> list[str]:
    if processes == 1:
        return [sys.executable, "-m", "jepa_cli", "train", *arguments]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *launcher, "-m", "jepa_cli", "train", *arguments]


def begin(run: Path, processes: int, preset: str) -> list[str]:
    settings = (f"preset={preset}", *SETTINGS)
    return command(processes, *(part for key in settings for part in ("--set", key)), "--out", str(run))


def go_on(run: Path, processes: int, preset: str) -> list[str]:
    begun = (run / "config.toml").exists()
    return command(processes, "--resume", str(run)) if begun else begin(run, processes, preset)


def digest(run: Path) -> str:
    """One SHA-256 of the names and contents of all files but the one that says when."""
    total = hashlib.sha256()
    for file in sorted(run.rglob("*")):
        if file.is_file() and file.name != "status.json":
            total.update(f"{file.relative_to(run)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def killed_after(seconds: float, line: list[str], run: Path) -> bool:
    """Whether it was killed before it ended, with all processes that train into `run`: those of torchrun outlive it."""
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if str(run).encode() in file.read_bytes().split(b"\0"):
                    os.kill(int(file.parent.name), signal.SIGKILL)
        return True
    return False


def step_of(run: Path) -> int:
    """The newest checkpoint."""
    return max((int(file.stem[5:]) for file in run.glob("checkpoints/step-*.safetensors")), default=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--preset", default="recommended", help="this one trains in two phases")
    asked = parser.parse_args()
    how = (asked.processes, asked.preset)
    moments, wrong = random.Random(asked.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole"
        start = time.monotonic()
        subprocess.run(begin(whole, *how), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took, expected = time.monotonic() - start, digest(whole)
        print(
            f"seed {asked.seed}, {asked.preset}: a run in one go takes {took:.1f} s and leaves {expected}", flush=True
        )
        for number in range(1, asked.kills + 1):
            run, kills = Path(folder) / f"run-{number}", []
            while killed_after(seconds := moments.uniform(IMPORTS, took), go_on(run, *how), run):
                kills.append(f"{seconds:.2f} s (checkpoint {step_of(run)})")
                if len(kills) == 3:
                    subprocess.run(go_on(run, *how), check=True, stdout=subprocess.DEVNULL)
                    break
            same = digest(run) == expected
            wrong += not same
            print(
                f"{number:3d}  {'same bytes' if same else 'DIFFERENT'}  killed after {', '.join(kills) or '-'}",
                flush=True,
            )
    print(f"{asked.kills - wrong} of {asked.kills} runs end with the same SHA-256")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
