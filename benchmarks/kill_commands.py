"""Kills every command that writes at random moments, and looks at what is left and at how it goes on.

    python -m benchmarks.kill_commands [--kills 1000] [--seed 0] [--command train]

A kill is a SIGKILL: right before a touch of a file, in the middle of one, or after a random time; up to three in a row,
then the command is typed again and must end with the bytes that it leaves when nothing is killed. What was there before
is there after each kill. Every command has the same number of kills. `kill_and_resume.py` kills whole processes of
longer trainings. Exits with 1 if something was lost.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.conftest import sketched_pictures
from tests.hostile.kills import Victim, measured, survives
from tests.hostile.victims import VICTIMS, Inputs, victim


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", help="only those whose names begin with it")
    asked = parser.parse_args()
    os.environ["COLUMNS"] = "80"
    with tempfile.TemporaryDirectory() as folder, sketched_pictures():
        inputs = Inputs(Path(folder))
        victims = [victim(name, inputs) for name in VICTIMS if name.startswith(asked.command or "")]
        share = -(-asked.kills // len(victims))
        lost = sum(killed(each, share, asked.seed) for each in victims)
    print(f"{share * len(victims)} kills, {lost} losses (seed {asked.seed})")
    return bool(lost)


def killed(asked: Victim, kills: int, seed: int) -> int:
    """How often something was lost in so many kills."""
    start = time.monotonic()
    moments, done, losses = random.Random(f"{seed} {asked.name}"), Counter[str](), 0
    whole = measured(asked)
    while done.total() < kills:
        kill, lost = survives(asked, whole, moments, most=min(3, kills - done.total()))
        done.update(each.how for each in kill)
        if lost:
            losses += 1
            print(f"  {', '.join(map(str, kill))}: {'; '.join(lost)}", flush=True)
    how = ", ".join(f"{count} {name}" for name, count in sorted(done.items()))
    print(f"{asked.name}: {kills} kills ({how}), {losses} losses, {time.monotonic() - start:.0f} s", flush=True)
    return losses


if __name__ == "__main__":
    sys.exit(main())
