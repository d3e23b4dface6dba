"""Data sets of other formats, converted once into a cache that is read by memory map."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.readers.conversion import Progress, convert
from jepa_world_model.data.readers.registry import Reader
from jepa_world_model.data.readers.shaping import Shaping
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import readable

VERSION = 2
"""Changes whenever the same files would be converted otherwise."""


def open_cached(
    path: Path, reader: Reader, files: list[Path], shaping: Shaping, on_progress: Progress | None = None
) -> EpisodeFolder:
    """Open a data set through the cache, converting it if it is new or has changed.

    A conversion that was stopped goes on where it was. Raises UserError that names the file if the data is malformed,
    or the cache cannot be written.
    """
    cached = cache_folder() / f"{fingerprint(reader.FORMAT, files, shaping)}-{shaping.image_size}"
    if not cached.exists():
        try:
            with _working_folder(cached) as partial:
                convert(reader.read(path, files), shaping, partial, on_progress, resume=True)
                _publish(partial, cached)
        except OSError as error:
            raise UserError(
                f"{cached.parent}: decoded data cannot be kept there ({error.strerror or error}); "
                "set XDG_CACHE_HOME to a folder that can be written and has space"
            ) from error
    source = EpisodeFolder(cached)
    source.name = path.resolve().stem if path.is_file() else path.resolve().name
    return source


def cache_folder() -> Path:
    """The folder that keeps decoded data: ``$XDG_CACHE_HOME/jepa``, or ``~/.cache/jepa``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jepa"


def fingerprint(format: str, files: list[Path], shaping: Shaping) -> str:
    """A digest of the paths, sizes and times of change of all files, and of what is wanted; nothing is read."""
    digest = hashlib.sha256(f"{VERSION} {format} {shaping}\n".encode())
    for path in files:
        with readable(path):
            stat = path.stat()
        digest.update(os.fsencode(path.resolve()) + f"\n{stat.st_size}\n{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


@contextmanager
def _working_folder(cached: Path) -> Iterator[Path]:
    """Where to convert to: what an earlier process left, or a folder of its own while another process uses that.

    It is kept for the next process if this one is stopped, but not if the data is at fault.
    """
    cached.parent.mkdir(parents=True, exist_ok=True)
    shared = cached.parent / f".{cached.name}.partial"
    shared.mkdir(exist_ok=True)
    with _held(shared) as held:
        if not held:
            with tempfile.TemporaryDirectory(prefix=".", dir=cached.parent, ignore_cleanup_errors=True) as own:
                yield Path(own) / cached.name
            return
        try:
            yield shared
        except (UserError, OSError):
            shutil.rmtree(shared, ignore_errors=True)
            raise
        if shared.exists():  # another process was first
            shutil.rmtree(shared, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether no other process holds the folder."""
    try:
        import fcntl
    except ImportError:
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except OSError:
            held = False
        yield held
    finally:
        os.close(descriptor)


def _publish(content: Path, cached: Path) -> None:
    try:
        os.rename(content, cached)
    except OSError:
        if not cached.exists():  # otherwise another process converted the same data first
            raise
