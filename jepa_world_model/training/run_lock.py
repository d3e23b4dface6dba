"""A run folder belongs to one process: it is claimed before anything is written, and locked until the run ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from audits.files import explained
from jepa_world_model.errors import UserError
from jepa_world_model.runs.files import hold


class InUse(UserError):
    """Another process trains into the folder."""


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """The folder itself is locked: unlike a file in it, it is there before anything is written, and never replaced."""
    if os.name != "posix":
        yield
        return
    with explained(path):
        descriptor = os.open(path, os.O_RDONLY)
    try:
        _hold(descriptor, path)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_file(file: Path, run: Path) -> Iterator[None]:
    """By the lock of its config, others see that a run is in progress."""
    with explained(file):
        opened = file.open("rb")
    with opened:
        _hold(opened.fileno(), run)
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


def _hold(descriptor: int, run: Path) -> None:
    if not hold(descriptor):
        raise InUse(f"{run} is being trained by another process; wait for it, or end it first")
