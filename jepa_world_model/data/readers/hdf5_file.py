"""The arrays of an HDF5 file, read without leaving the file and without running anything from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.readers.packages import needed
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_DEEP = 32
MOST_ARRAYS = 1_000_000
MOST_COMPRESSED = 20_000
"""How many times smaller than its content an array may be on disk, which no codec reaches with pictures."""
LARGE = 1 << 30
WHAT = "reading HDF5"


class Hdf5Array:
    """An array of a file, which is open while it is read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Raises UserError where the array is damaged, or packed by a codec that is missing."""
        with explained(self.path, f", {self.name}"):
            return np.asarray(_opened(self.path, self.path.stat().st_mtime_ns)[self.name][rows])


def arrays_of(path: Path) -> dict[str, Hdf5Array]:
    """All arrays by name, such as ``data/demo_0/actions``. Raises UserError for a file that is damaged."""
    check_file(path)
    with explained(path):
        file = _opened(path, path.stat().st_mtime_ns)
        return dict(_walk(path, file, "", 0))


@contextmanager
def explained(path: Path, place: str = "") -> Iterator[None]:
    """Turn whatever HDF5 raises into a UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{path}{place}: claims more than fits in memory; write it in smaller chunks") from error
    except Exception as error:  # the library raises OSError, KeyError, RuntimeError and ValueError alike
        message = " ".join(str(error).split())
        if "filter" in message and ("not available" in message or "not registered" in message or "required" in message):
            raise UserError(
                f"{path}{place}: is packed by a codec that is not installed ({message}); "
                "write it again with gzip, for instance h5repack -f GZIP=4"
            ) from error
        raise UserError(
            f"{path}{place}: expected HDF5, found a file that is damaged, cut short or something else ({message}); "
            "copy or write it again"
        ) from error


@lru_cache(maxsize=16)
def _opened(path: Path, changed: int) -> Any:
    """`changed` keeps a file apart from what was there before."""
    return needed("h5py", WHAT).File(path, "r")


def _walk(path: Path, group: Any, prefix: str, depth: int) -> Iterator[tuple[str, Hdf5Array]]:
    h5py = needed("h5py", WHAT)
    if depth > MOST_DEEP:
        raise UserError(f"{path}, {prefix}: groups are nested more than {MOST_DEEP} deep")
    for key in group:
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            continue  # it leads elsewhere, to another file even
        item, name = group[key], f"{prefix}{key}"
        if isinstance(item, h5py.Group):
            yield from _walk(path, item, f"{name}/", depth + 1)
        elif isinstance(item, h5py.Dataset) and item.shape is not None and item.shape != ():
            _check_stored(path, name, item)
            yield name, Hdf5Array(path, name, tuple(item.shape), _dtype(h5py, item))


def _dtype(h5py: Any, item: Any) -> np.dtype:
    """Byte strings of any length count as bytes."""
    is_bytes = h5py.check_vlen_dtype(item.dtype) == np.uint8 or h5py.check_string_dtype(item.dtype) is not None
    return np.dtype("O") if is_bytes or item.dtype.hasobject else item.dtype


def _check_stored(path: Path, name: str, item: Any) -> None:
    """Raises UserError for an array that claims what the file cannot hold, or that lies in another file."""
    if getattr(item, "external", None) or getattr(item, "is_virtual", False):
        raise UserError(f"{path}, {name}: lies in other files; write it into one, for instance with h5repack")
    claimed, held = prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
    least = claimed // MOST_COMPRESSED if item.id.get_create_plist().get_nfilters() else claimed
    is_compact_or_empty = claimed == 0
    if not is_compact_or_empty and claimed > LARGE and held < least:
        raise UserError(
            f"{path}, {name}: claims the shape {item.shape}, but the file holds {held} bytes of it; "
            "it was not written to its end: write it again"
        )
