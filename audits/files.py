"""Files that are whole or not there, even when the power fails while they are written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audits.errors import UserError

LEFT_OVER = ".jepa-*.part"
"""Names of files that are being written. Nobody else uses them, so what a killed process left can be removed."""


class CannotWrite(UserError):
    """The system refused: a full disk, a read-only folder."""


def write_file(path: Path, content: str | bytes) -> None:
    """As `replace_file`. Raises CannotWrite that names the file when the system refuses."""
    with explained(path):
        replace_file(path, content)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write to a temporary name in the same folder, flush to the disk, rename.

    A symbolic link stays a link: its target is written. A file that is replaced keeps its permissions.
    Raises OSError; whatever was at `path` is then still there.
    """
    file = Path(os.path.realpath(path))
    temporary = file.with_name(LEFT_OVER.replace("*", os.urandom(8).hex()))
    try:
        with temporary.open("xb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
            flush(opened.fileno())
        with suppress(OSError):
            temporary.chmod(file.stat().st_mode)
        os.replace(temporary, file)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    flush_folder(file.parent)


def flush(descriptor: int) -> None:
    """Wait until the disk holds what was written."""
    os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Wait until the disk holds the names in a folder. Does nothing where folders cannot be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_left_over(path: Path) -> bool:
    """Whether this is a file of ours whose writer was killed."""
    return path.match(LEFT_OVER) and not path.is_symlink() and path.is_file()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an OSError into a CannotWrite that names the file."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror or error}") from error
