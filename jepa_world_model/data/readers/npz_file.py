"""The arrays of an .npz archive: headers first, an array when it is needed, and never an object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from jepa_world_model.data.actions_npz import UNREADABLE
from jepa_world_model.data.npy_file import parse_header
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file
from jepa_world_model.memory import check_memory


class NpzArray:
    """An array of an archive, read as a whole."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Raises UserError for an array that is damaged, and for objects: they would run code of the file."""
        if self.dtype.hasobject:
            raise UserError(
                f"{self.path}, {self.name}: holds Python objects, which are not read because that would run code of "
                "the file; save numbers only"
            )
        return _loaded(self.path, self.name, self.path.stat().st_mtime_ns)[rows]


def arrays_of(path: Path) -> dict[str, NpzArray]:
    """All arrays but single numbers and texts, by name.

    Raises UserError for a damaged archive, and for one that claims what it does not hold.
    """
    check_file(path)
    found = {}
    with _explained(path), ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                continue
            with archive.open(member) as file:
                shape, dtype = parse_header(file)
            if prod(shape) * dtype.itemsize > member.file_size:
                raise UserError(
                    f"{path}, {name}: claims the shape {shape} of {dtype}, but holds {member.file_size} bytes; "
                    "write it again"
                )
            if shape:
                found[name] = NpzArray(path, name, shape, dtype)
    return found


@lru_cache(maxsize=8)
def _loaded(path: Path, name: str, changed: int) -> np.ndarray:
    """`changed` keeps a file apart from what was there before."""
    with _explained(path, f", {name}"):
        with ZipFile(path) as archive:
            check_memory(f"{path}, {name}", archive.getinfo(f"{name}.npy").file_size, "split it into episodes")
        with np.load(path, allow_pickle=False) as archive:
            return archive[name]


@contextmanager
def _explained(path: Path, place: str = "") -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (*UNREADABLE, KeyError, RecursionError, OverflowError) as error:
        raise UserError(
            f"{path}{place}: expected a file written by numpy.savez, found one that is damaged, cut short or something "
            f"else ({error}); write it again"
        ) from error
    except Exception as error:
        if type(error).__module__ not in ("zlib", "lzma"):
            raise
        raise UserError(f"{path}{place}: is damaged ({error}); write it again") from error
