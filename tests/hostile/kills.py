"""Kills commands at moments of a seeded choice, and says what was lost.

A command runs in a fork of this process, which has everything imported, so that a kill takes no seconds of start-up.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple, NoReturn

from audits import files
from audits.files import LEFT_OVER
from tests.hostile.drive import COMMAND

TOUCHES = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod")
"""What Python tells of files to its audit hooks."""
TOUCH, FLUSH, MOMENT = "touch", "flush", "moment"
BROKEN = 70
"""The exit code of a command that raised an exception."""
Contents = dict[str, bytes]
"""By name of a file: what it holds."""


def as_it_is(name: str, content: bytes) -> bytes | None:
    return content


class Victim(NamedTuple):
    """A command that writes files, in a folder of its own."""

    prepare: Callable[[], object]
    """Make what the command finds in the current folder."""
    line: Callable[[], list[str]]
    """What to type, with what a killed command has left in the current folder."""
    comparable: Callable[[str, bytes], bytes | None] = as_it_is
    """Of a file: what must be the same in the end; None if nothing."""
    works_in: str = "none/"
    """A folder whose files change until the end, such as a run; every other file is as before or as in the end."""
    name: str = ""


class Kill(NamedTuple):
    """A moment: right before a touch of a file, in the middle of a file, or after so many seconds."""

    how: str
    when: float

    def __str__(self) -> str:
        return f"{self.how} {self.when:.3g}"


class Whole(NamedTuple):
    """A command that was not killed."""

    touches: int
    flushes: int
    seconds: float
    left: Contents


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    """The exit code, or minus the signal that killed it."""
    touches: int = 0
    flushes: int = 0


def measured(victim: Victim) -> Whole:
    """The command to its end; once before that, for what is imported late."""
    carried_out(victim)
    with _empty_folder():
        victim.prepare()
        start = time.monotonic()
        ended = _in_fork(victim.line(), None)
        assert ended.code == 0, f"{victim.name}: exit code {ended.code}"
        return Whole(ended.touches, ended.flushes, time.monotonic() - start, _contents(victim))


def carried_out(victim: Victim) -> None:
    """The command in this process, whose forks then have all that it imports, but for modules of its own folder."""
    path = list(sys.path)
    with _empty_folder():
        victim.prepare()
        quietly(victim.line())
        here = os.getcwd()
    sys.path[:] = path
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None) or "").startswith(here):
            del sys.modules[name]


def survives(victim: Victim, whole: Whole, moments: random.Random, most: int = 3) -> tuple[list[Kill], list[str]]:
    """Kill a command up to so many times in a row, then let it end. Returns the kills, and what was lost."""
    kills: list[Kill] = []
    lost: list[str] = []
    with _empty_folder():
        victim.prepare()
        for _ in range(moments.randint(1, most)):
            line, kill = victim.line(), drawn(moments, whole)
            before = _contents(victim)
            ended = _in_fork(line, kill)
            kills += [kill] if ended.code == -signal.SIGKILL else []
            if ended.code not in (0, -signal.SIGKILL):
                lost.append(f"exit code {ended.code}")
            lost += _lost(victim, before, _contents(victim), whole.left)
        if (ended := _in_fork(victim.line(), None)).code:
            lost.append(f"exit code {ended.code} in the end")
        left = _contents(victim)
        names = sorted(left.keys() | whole.left.keys())
        lost += [f"{name} differs in the end" for name in names if left.get(name) != whole.left.get(name)]
    return kills, lost


def drawn(moments: random.Random, whole: Whole) -> Kill:
    """A moment of a command."""
    how = moments.choice((TOUCH, FLUSH, MOMENT, MOMENT))
    last = {TOUCH: whole.touches, FLUSH: whole.flushes}.get(how, 0)
    return Kill(how, moments.randint(1, last)) if last else Kill(MOMENT, moments.uniform(0, whole.seconds))


def _lost(victim: Victim, before: Contents, after: Contents, end: Contents) -> Iterator[str]:
    """What a kill did to files that nobody is to touch, and to the newest checkpoint."""
    for name in sorted(before.keys() | after.keys()):
        is_settled = name in after and after[name] in (before.get(name), end.get(name))
        if not is_settled and not name.startswith(victim.works_in):
            yield f"{name} is neither as before nor as in the end"
    if max(_checkpoints(before), default="") > max(_checkpoints(after), default=""):
        yield "the newest checkpoint is gone"


def _checkpoints(contents: Contents) -> list[str]:
    return [name for name in contents if "/checkpoints/" in name]


def _contents(victim: Victim) -> Contents:
    """All files of the current folder but what a killed process left half written."""
    found = {}
    for file in sorted(Path().rglob("*")):
        if file.is_file() and not file.match(LEFT_OVER):
            content = victim.comparable(file.as_posix(), file.read_bytes())
            if content is not None:
                found[file.as_posix()] = content
    return found


@contextmanager
def _empty_folder() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        yield


def _in_fork(line: Sequence[str], kill: Kill | None) -> Ended:
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.close(reads)
        _be(line, kill, writes)
    os.close(writes)
    if kill and kill.how == MOMENT:
        time.sleep(kill.when)
        os.kill(child, signal.SIGKILL)
    with open(reads, encoding="ascii") as told:
        counts = [int(count) for count in told.read().split()]
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), *counts)


def _be(line: Sequence[str], kill: Kill | None, tell: int) -> NoReturn:
    """The command, as all that this process does."""
    code = BROKEN
    try:
        touched, flushed = _Occasions(TOUCH, kill), _Occasions(FLUSH, kill)
        _watch_files(touched, flushed)
        code = quietly(line)
        os.write(tell, f"{touched.seen} {flushed.seen}".encode())
    finally:
        os._exit(code)


class _Occasions:
    """Counts what happens, and knows when to be killed."""

    def __init__(self, how: str, kill: Kill | None) -> None:
        self.seen = 0
        self._last = kill.when if kill and kill.how == how else None

    def is_last(self) -> bool:
        """Whether this one is."""
        self.seen += 1
        return self.seen == self._last


def _watch_files(touched: _Occasions, flushed: _Occasions) -> None:
    here, flush = os.getcwd(), files.flush

    def touch(event: str, arguments: tuple[object, ...]) -> None:
        path = arguments[0] if event in TOUCHES else None
        is_ours = isinstance(path, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(path)).startswith(here)
        if is_ours and touched.is_last():
            os.kill(os.getpid(), signal.SIGKILL)

    def half_written(descriptor: int) -> None:
        if flushed.is_last():
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        flush(descriptor)

    sys.addaudithook(touch)
    files.flush = half_written


def quietly(line: Sequence[str]) -> int:
    """The exit code of a command whose output nobody reads."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            return COMMAND.main(list(line), standalone_mode=False) or 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            return BROKEN
