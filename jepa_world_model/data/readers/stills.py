"""Pictures that are encoded, as PNG or JPEG, in files or in arrays of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jepa_world_model.data.readers.lazy import Rows, Stored
from jepa_world_model.data.readers.names import NO_PICTURES, PICTURES, parts_of
from jepa_world_model.data.readers.raw import Camera


def holds_encoded(name: str, stored: Stored) -> bool:
    """Whether an array [T] of byte strings, or [T, n] of bytes, begins with an encoded picture."""
    from jepa_world_model.data.image_file import SIGNATURES

    words = parts_of(name)
    if not any(PICTURES.search(word) for word in words) or any(NO_PICTURES.search(word) for word in words):
        return False
    shape = tuple(stored.shape)
    is_bytes = (len(shape) == 2 and stored.dtype == np.uint8) or (len(shape) == 1 and stored.dtype.kind in "OS")
    return is_bytes and shape[0] > 0 and _bytes(stored[0:1][0]).startswith(SIGNATURES)


def encoded_camera(where: str, rows: Rows) -> Camera:
    """A camera of encoded pictures in an array."""

    def contents() -> Iterator[Callable[[], bytes]]:
        for block in rows.blocks():
            for row in block:
                yield lambda row=row: _bytes(row)

    return _camera(where, len(rows), contents)


def file_camera(where: str, names: Sequence[str], read: Callable[[str], bytes]) -> Camera:
    """A camera of encoded pictures that `read` gives by name."""

    def contents() -> Iterator[Callable[[], bytes]]:
        for name in names:
            yield lambda name=name: read(name)

    return _camera(where, len(names), contents, names)


def _camera(
    where: str, length: int, contents: Callable[[], Iterator[Callable[[], bytes]]], names: Sequence[str] = ()
) -> Camera:
    from jepa_world_model.data.image_file import decoded

    def blocks() -> Iterator[np.ndarray]:
        for number, content in enumerate(contents()):
            yield decoded(content(), names[number] if names else f"{where}, frame {number}")[None]

    first = next(blocks(), None)
    height, width, channels = (0, 0, 0) if first is None else first.shape[1:]
    return Camera(length, (height, width, channels), blocks)


def _bytes(row: object) -> bytes:
    return row if isinstance(row, bytes) else np.asarray(row, dtype=np.uint8).tobytes()
