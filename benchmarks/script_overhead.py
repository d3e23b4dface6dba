"""`--script` beside the script alone: the time from the start of a process to its first optimizer steps.

python -m benchmarks.script_overhead [FILE ...]        by default the scripts of the tests
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = sorted((Path(__file__).parents[1] / "tests" / "script" / "scripts").glob("*.py"))
ALONE = """
import os, runpy, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
stepped = {}
def after(optimizer, *_):
    stepped[id(optimizer)] = stepped.get(id(optimizer), 0) + 1
    if min(stepped.values()) > 1:
        os._exit(0)
register_optimizer_step_post_hook(after)
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Ends where the audit ends: when each optimizer that steps has stepped twice."""


def processor_time(*command: str) -> float:
    """Of a process and its children, in seconds."""
    before = os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    for file in map(Path, sys.argv[1:] or SCRIPTS):
        started = time.perf_counter()
        alone = processor_time(sys.executable, "-c", ALONE, str(file))
        audited = processor_time(sys.executable, "-m", "jepa_cli", "audit-grads", "--script", str(file))
        took = time.perf_counter() - started
        print(
            f"{file.stem:20} alone {alone:5.2f} s  audited {audited:5.2f} s  {audited / alone:4.2f} x  ({took:.0f} s)"
        )


if __name__ == "__main__":
    main()
