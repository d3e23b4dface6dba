"""Headers of .npy files, read and checked without reading the data."""

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file, readable


@dataclass(frozen=True)
class NpyHeader:
    """What a .npy file says that it holds."""

    shape: tuple[int, ...]
    dtype: np.dtype


def read_header(path: Path) -> NpyHeader:
    """Read the header of ``path``, and check that the file is as long as the header promises.

    Raises UserError, naming the file, when it is missing, unreadable, not a .npy file, cut short or holds objects.
    """
    with readable(path):
        try:
            path.lstat()
        except FileNotFoundError as error:
            raise UserError(f"{path}: file not found; every episode folder needs it") from error
    check_file(path)
    try:
        with readable(path), path.open("rb") as file:
            shape, dtype = parse_header(file)
            found = os.fstat(file.fileno()).st_size - file.tell()
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise UserError(f"{path}: expected a file written by numpy.save, found something else ({error})") from error
    if dtype.hasobject:
        raise UserError(f"{path}: expected numbers, found Python objects; save an array with a numeric dtype")
    expected = prod(shape) * dtype.itemsize
    if found < expected:
        raise UserError(
            f"{path}: truncated, expected {expected} bytes of data for shape {shape}, found {found}; "
            "write this episode again or remove its folder"
        )
    return NpyHeader(shape, dtype)


def parse_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type. Raises ValueError and the like for what is no such header."""
    version = npy_format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = npy_format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = npy_format.read_array_header_2_0(file)
    else:
        raise ValueError(f"npy version {version}, which plain arrays do not use")
    return shape, dtype
