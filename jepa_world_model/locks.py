"""Locks of files and folders, which end with the process that holds them, by whatever end."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 0.3
"""Seconds. A test of the lock holds it for an instant."""


@contextmanager
def locked_folder(path: Path) -> Iterator[bool]:
    """Whether this process holds the folder now, until the end. Raises OSError for what is no folder.

    Unlike a file in it, a folder is there before anything is written, and is never replaced.
    """
    if os.name != "posix":
        yield True
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield hold(descriptor)
    finally:
        os.close(descriptor)


def hold(descriptor: int) -> bool:
    """Lock a file until it is closed, by whatever end of the process; where there are no locks, it counts as locked."""
    until = time.monotonic() + PATIENCE
    while locked(descriptor) is False:
        if time.monotonic() > until:
            return False
        time.sleep(PATIENCE / 10)
    return True


def locked(descriptor: int, *, shared: bool = False) -> bool | None:
    """Whether this process got the lock; None where the system or the file system has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
