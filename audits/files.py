"""Files that are whole or not there, even when the power fails while they are written; only plain files are read."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from audits.errors import UserError

LEFT_OVER = ".jepa-*.part"
"""Names of files that are being written. Nobody else uses them, so what a killed process left can be removed."""


KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
LARGEST = 1 << 26
"""Bytes of a text that is read at once: a config, a document, a status."""


class CannotWrite(UserError):
    """The system refused: a full disk, a read-only folder."""


def write_file(path: Path, content: str | bytes) -> None:
    """As `replace_file`. Raises CannotWrite that names the file when the system refuses."""
    with explained(path):
        replace_file(path, content)


def replace_file(path: Path, content: str | bytes) -> None:
    """Write to a temporary name in the same folder, flush to the disk, rename.

    A symbolic link stays a link: its target is written. A file that is replaced keeps its permissions.
    A device, a pipe or a folder is never replaced. Raises OSError; whatever was at `path` is then still there.
    """
    file = Path(os.path.realpath(path))
    if file.exists() and not file.is_file():
        kind = KINDS.get(stat.S_IFMT(file.stat().st_mode), "something else")
        raise OSError(errno.EINVAL, f"expected a file, found {kind}")
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


def open_file(path: Path) -> BinaryIO:
    """A plain file to read. Raises OSError for anything else; a pipe that nobody writes to does not block."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"expected a file, found {kind(mode)}", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path, *, most: int | None = LARGEST) -> bytes:
    """All of a plain file. Raises OSError for anything else, and for one of more than `most` bytes."""
    with open_file(path) as file:
        content = file.read() if most is None else file.read(most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"expected a text, found more than {most >> 20} MB", str(path))
    return content


def kind(mode: int) -> str:
    """``a pipe``"""
    return KINDS.get(stat.S_IFMT(mode), "something else")
