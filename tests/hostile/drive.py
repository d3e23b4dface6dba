"""Drives a command in this process, and says of how it ended what must never be."""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import typer
from typer import testing

from jepa_cli.app import app

COMMAND = typer.main.get_command(app)
"""Made once: making it takes longer than most mistakes take to be found."""
SECONDS, MEMORY = 20, 2 << 30
DOCUMENTED = {
    "train": {0, 1, 2},
    "audit-grads": {0, 1, 2},
    "check-weights": {0, 1, 2},
    "plan": {0, 1, 2},
}
"""Exit codes; those of all other commands are 0 and 2."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What could move the cursor of a terminal, change its colours, or turn text around."""
MESSAGE = re.compile(r"^Error: ", re.MULTILINE)

Snapshot = dict[str, str]


def complaints(arguments: Sequence[str], outputs: Sequence[str] = (), *, expected: int | None = None) -> list[str]:
    """Run a command in the current folder, where it may change nothing but `outputs`. Returns what is wrong.

    `expected` is its exit code, if only one is right.
    """
    before = snapshot(Path())
    with bounded(), patch.object(testing, "_get_command", lambda _: COMMAND):
        ended = testing.CliRunner().invoke(app, list(arguments))
    changed = {name for name, _ in before.items() ^ snapshot(Path()).items()}
    found = wrong(arguments[0], ended)
    if expected not in (None, ended.exit_code):
        found.append(f"exit code {ended.exit_code}: {ended.output}")
    allowed = {Path(name).parts[0] for name in outputs if name}
    if touched := sorted(name for name in changed if not {name, Path(name).parts[0]} & allowed):
        found.append(f"changed {touched}")
    return found


def wrong(command: str, ended: testing.Result) -> list[str]:
    """What a command must never do, whatever it is given."""
    found = []
    if ended.exception and not isinstance(ended.exception, SystemExit):
        last = traceback.extract_tb(ended.exception.__traceback__)[-1]
        found.append(
            f"raised {type(ended.exception).__name__}: {ended.exception} ({last.filename}:{last.lineno})"[:500]
        )
    elif ended.exit_code not in DOCUMENTED.get(command, {0, 2}):
        found.append(f"exit code {ended.exit_code}")
    elif ended.exit_code == 2 and len(MESSAGE.findall(ended.stderr)) != 1:
        found.append(f"not one message, but {ended.stderr!r}")
    if "Traceback" in ended.output:
        found.append(f"a traceback: {ended.output}")
    if told := CONTROL.search(ended.stdout + ended.stderr):
        found.append(f"control character {told[0]!r}")
    return found


def snapshot(folder: Path) -> Snapshot:
    """By name of everything below a folder: what would tell that it was changed."""
    found = {}
    for path in folder.rglob("*"):
        told = path.lstat()
        is_file = stat.S_ISREG(told.st_mode)
        found[os.fspath(path)] = f"{told.st_mode} {told.st_ino} {(told.st_size, told.st_mtime_ns) if is_file else ''}"
    return found


@contextmanager
def bounded() -> Iterator[None]:
    """At most so many seconds of a processor, six times as many on the clock, and so much memory more than now."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it took more than {SECONDS} s")

    handlers = {number: signal.signal(number, late) for number in (signal.SIGALRM, signal.SIGPROF)}
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(6 * SECONDS)  # other work may share the processor
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for number, handler in handlers.items():
            signal.signal(number, handler)
