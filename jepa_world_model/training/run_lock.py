"""A run folder belongs to one process: it is claimed before anything is written, and locked until the run ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from audits.files import explained
from jepa_world_model import locks
from jepa_world_model.errors import UserError


class InUse(UserError):
    """Another process trains into the folder."""


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """A folder, before anything is written into it. Raises InUse."""
    with ExitStack() as stack:
        with explained(path):
            held = stack.enter_context(locks.locked_folder(path))
        _check(held, path)
        yield


@contextmanager
def locked_file(file: Path, run: Path) -> Iterator[None]:
    """By the lock of its config, others see that a run is in progress."""
    with explained(file):
        opened = file.open("rb")
    with opened:
        _check(locks.hold(opened.fileno()), run)
        yield


def new_folder(parent: Path, name: str) -> Path:
    """Make `parent/name-001`, or the first number that is not taken: no two processes get the same."""
    with explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        path = parent / f"{name}-{number:03d}"
        with explained(path):
            try:
                path.mkdir()
            except FileExistsError:
                continue
        return path
    raise AssertionError("numbers do not end")


def _check(held: bool, run: Path) -> None:
    if not held:
        raise InUse(f"{run} is being trained by another process; wait for it, or end it first")
