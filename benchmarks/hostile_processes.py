"""Drives every command, as processes of their own, with hostile inputs, and says which end as they should not.

    python -m benchmarks.hostile_processes [--count 100] [--seed 0] [--seconds 20]

Each gets an exit code that is documented, at most one message, no traceback, 2 GB, and 20 seconds of a processor; six
times as long on the clock, since the machine may be busy. It changes nothing but its output. The inputs are drawn from
those of tests/hostile; a few ends of the outside world come on top: a full disk, a closed pipe, an environment that
lies. Exits with 1 if one ends otherwise.
"""

import argparse
import os
import random
import resource
import shlex
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from jepa_world_model.config_file import load_config
from jepa_world_model.run import run_training
from jepa_world_model.training.observer import Observer
from tests.conftest import SMALL
from tests.hostile.drive import CONTROL, DOCUMENTED, MEMORY, MESSAGE, SECONDS, snapshot
from tests.hostile.inputs import OUTPUTS, lines, make_files

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "jepa runs . > /dev/full",
    "jepa runs . | true",
    "jepa audit-grads --target trainer:target --format json | head -c 1 > /dev/null",
    "jepa runs . >&-",
    "jepa train --print-config > /dev/full",
    "WORLD_SIZE=2 RANK=0 jepa train --steps 1 --out out",
    "RANK=x WORLD_SIZE=y jepa train --steps 1 --out out",
    "MPLBACKEND=nonsense jepa runs compare run run2",
    "COLUMNS=10 jepa runs .",
    "PYTHONIOENCODING=ascii jepa runs .",
)
START = 6 << 30
"""Bytes of addresses that torch alone reserves."""


BUSY = 6
"""How much longer than a processor's the time on the clock may be."""


def limited(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (START + MEMORY, START + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))


def complaint(line: str, allowed: tuple[str, ...], seconds: float) -> str:
    """What is wrong with how a line of a shell ended; empty if nothing is."""
    before = snapshot(Path())
    shell = f'jepa() {{ {shlex.quote(sys.executable)} -m jepa_cli "$@"; }}; set -o pipefail; {line}'
    try:
        ended = subprocess.run(
            ["bash", "-c", os.fsencode(shell)],
            capture_output=True,
            timeout=BUSY * seconds,
            preexec_fn=partial(limited, seconds),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"more than {BUSY * seconds:g} s"
    said = ended.stderr.decode(errors="replace")
    told = ended.stdout.decode(errors="replace") + said
    command = next((word for word in shlex.split(line) if word in DOCUMENTED), "")
    if ended.returncode not in DOCUMENTED.get(command, {0, 2}):
        return f"exit code {ended.returncode}: {said[-300:]}"
    if "Traceback" in told or (ended.returncode == 2 and len(MESSAGE.findall(said)) != 1):
        return f"not one message: {said[-300:]!r}"
    if control := CONTROL.search(told):
        return f"control character {control[0]!r}"
    changed = {name for name, _ in before.items() ^ snapshot(Path()).items()}
    if touched := [name for name in changed if Path(name).parts[0] not in allowed]:
        return f"changed {touched}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    drawn = random.Random(asked.seed).sample([*lines()], asked.count - len(OUTSIDE))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in ("run", "run2"):
            run_training(load_config(None, [*SMALL, "train.steps=1"]), Path(name), Observer())
        make_files(Path())
        cases = [(line, "") for line in OUTSIDE] + [(shlex.join(["jepa", *words]), words[-1]) for words in drawn]
        for number, (line, value) in enumerate(cases, 1):
            if sys.stderr.isatty():
                print(f"\r{number}/{len(cases)}", end="", file=sys.stderr)
            own = Path(value).parts[:1] if value and not value.startswith("/") else ()
            if found := complaint(line, (*OUTPUTS, *own), asked.seconds):
                wrong += 1
                print(ascii(f"{line[:120]}: {found}"), flush=True)
    print(f"{len(cases) - wrong} of {len(cases)} ended as they should (seed {asked.seed})")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
