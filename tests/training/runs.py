"""Runs in a process of their own that is killed, and what run folders hold."""

import hashlib
import os
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from audits.files import is_left_over
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.trainer import Trainer

TIMES = ("status.json",)
"""The only file that says when."""


def digests(run: Path) -> dict[str, str]:
    """By file of a run folder: its SHA-256."""
    return {
        file.relative_to(run).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*"))
        if file.is_file() and file.name not in TIMES
    }


def in_child(work: Callable[[], object]) -> int:
    """Do something in a forked process. Returns its exit code, or minus the signal that killed it."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)  # nothing of the test runner must run twice
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_processes(count: int, work: Callable[[], object]) -> list[int]:
    """Do something in several processes that know of each other, as torchrun starts them. Returns their exit codes.

    A test that calls this is marked `forks`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if not child:
            ended = 1
            try:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
                work()
                ended = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(ended)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


TOUCHES = ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate")
"""What Python tells of files to its audit hooks."""


def killed_at(event: int, folder: Path) -> None:
    """Have this process killed right before the n-th time that it touches a file of a folder."""

    def kill(seen: int) -> None:
        if seen == event:
            os.kill(os.getpid(), signal.SIGKILL)

    _told_of_touches(folder, kill)


def copied_at_each_touch(folder: Path, copies: Path) -> None:
    """Right before this process touches a file of a folder, the folder is copied, to ``copies/1`` the first time."""
    copies.mkdir()

    def copy(seen: int) -> None:
        if folder.exists():
            shutil.copytree(folder, copies / str(seen))
        else:
            (copies / str(seen)).mkdir()

    _told_of_touches(folder, copy)


def _told_of_touches(folder: Path, tell: Callable[[int], None]) -> None:
    seen, is_telling = 0, False

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen, is_telling
        if name in TOUCHES and not is_telling and str(arguments[0]).startswith(str(folder)):
            seen, is_telling = seen + 1, True
            tell(seen)
            is_telling = False

    sys.addaudithook(hook)


def contents(folder: Path) -> set[tuple[str, str]]:
    """The files of a folder, each with its SHA-256; what nobody has finished writing without its random name."""
    return {
        (
            "unfinished" if is_left_over(file) else file.relative_to(folder).as_posix(),
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in folder.rglob("*")
        if file.is_file()
    }


class SignalAt(Observer):
    """Sends itself a signal after a step."""

    def __init__(self, step: int, number: signal.Signals = signal.SIGTERM) -> None:
        self.step, self.number = step, number

    def on_step(self, trainer: Trainer) -> None:
        self.trainer = trainer
        if trainer.done == self.step:
            signal.raise_signal(self.number)
