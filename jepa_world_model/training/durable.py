"""Files that are whole or not there, even when the power fails in between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jepa_world_model.errors import UserError

PART = ".part"


class CannotWrite(UserError):
    """The system refused: a full disk, a folder that may only be read."""


def write_whole(path: Path, content: bytes) -> None:
    """To a temporary name, flushed to the disk, renamed. Raises CannotWrite when the system refuses."""
    temporary = path.with_name(path.name + PART)
    with explained(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                flush(file.fileno())
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def flush(descriptor: int) -> None:
    """Wait until the disk holds what was written."""
    os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Wait until the disk holds the names in a folder; where folders cannot be opened, there is nothing to do."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal into a CannotWrite that names the file."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}") from error
