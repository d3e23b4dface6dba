"""Episodes in arrays by name: one episode, or many on end, or many side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from jepa_world_model.data.readers.assemble import FoundEpisode
from jepa_world_model.data.readers.lazy import Rows, Stored
from jepa_world_model.data.readers.names import (
    BOUNDARIES,
    ENDS,
    INDICES,
    LENGTHS,
    STARTS,
    STOPS,
    action_names,
    is_next,
    last,
    looks_like_pictures,
    named,
)
from jepa_world_model.data.readers.raw import Camera
from jepa_world_model.data.readers.shapes import arrangement
from jepa_world_model.data.readers.stills import encoded_camera, holds_encoded
from jepa_world_model.errors import UserError

Table = Mapping[str, Stored]


def picture_names(table: Table) -> list[str]:
    """Those that hold pictures, encoded or not. Of a pair such as ``obs`` and ``next_obs`` the first."""
    return [
        name
        for name, stored in table.items()
        if not is_next(name)
        and (looks_like_pictures(name, tuple(stored.shape), stored.dtype) or holds_encoded(name, stored))
    ]


def episodes_of(where: str, table: Table, *, many: bool = True) -> Iterator[FoundEpisode]:
    """The episodes of a table. `many`: it may hold more than one. Raises UserError where arrays do not fit together."""
    pictures, actions = picture_names(table), action_names(table)
    if not pictures:
        raise UserError(f"{where}: expected pictures [T, H, W, C], found {_shapes(table)}")
    if not actions:
        raise UserError(f'{where}: expected an array "actions" with a row for each frame, found {_shapes(table)}')
    if many and _side_by_side(table, pictures, actions):
        count = table[actions[0]].shape[0]
        for entry in range(count):
            yield _found(f"{where}, episode {entry}", table, pictures, actions, None, entry)
        return
    length = table[pictures[0]].shape[0]
    spans = _spans(where, table, length) if many else None
    if spans is None:
        yield _found(where, table, pictures, actions, None, None)
        return
    for number, span in enumerate(spans):
        yield _found(f"{where}, episode {number}", table, pictures, actions, span, None)


def _side_by_side(table: Table, pictures: list[str], actions: list[str]) -> bool:
    """[N, T, H, W, C] with actions [N, T, A], or [N, T] of choices."""
    shape, acts = table[pictures[0]].shape, table[actions[0]].shape
    return (
        len(shape) == 5
        and len(acts) >= 2
        and shape[0] == acts[0]
        and (len(acts) >= 3 or (abs(shape[1] - acts[1]) <= 1 and table[actions[0]].dtype.kind in "iu"))
    )


def _found(
    where: str, table: Table, pictures: list[str], actions: list[str], span: tuple[int, int] | None, entry: int | None
) -> FoundEpisode:
    def rows(name: str) -> Rows:
        stored = table[name]
        if entry is not None:
            return Rows(stored, 0, stored.shape[1], entry)
        return Rows(stored, *span) if span else Rows.of(stored)

    total, one_of_many = table[pictures[0]].shape[0], span is not None or entry is not None
    skipped = {*pictures, *actions, *(name for name in table if last(name) in BOUNDARIES and last(name) not in STARTS)}
    kept = {
        name: rows(name)
        for name, stored in table.items()
        if name not in skipped
        and not is_next(name)
        and len(stored.shape) > (entry is not None)
        and (stored.shape[0] == total or not one_of_many)
    }
    cameras = {camera: _camera(where, name, rows(name)) for camera, name in _camera_names(pictures).items()}
    return FoundEpisode(where, cameras, {name: rows(name) for name in actions}, kept)


def _camera(where: str, name: str, rows: Rows) -> Camera:
    if holds_encoded(name, rows.stored):
        return encoded_camera(f"{where}, {name}", rows)
    found = arrangement(rows.rest)
    if found is None:
        raise UserError(f"{where}, {name}: expected pictures [T, H, W, C], found rows of shape {rows.rest}")
    return Camera(len(rows), found.shape, lambda: (found.turned(block) for block in rows.blocks()))


def _camera_names(pictures: list[str]) -> dict[str, str]:
    """Short names, if they differ."""
    short = [last(name) for name in pictures]
    return dict(zip(short if len(set(short)) == len(short) else pictures, pictures, strict=True))


def _spans(where: str, table: Table, length: int) -> list[tuple[int, int]] | None:
    """First and last row of each episode; None where nothing says that there are several."""
    if name := named(table, ENDS):
        return _checked(where, name, [0, *_whole(where, name, table)], length)
    if name := named(table, LENGTHS):
        counts = _whole(where, name, table)
        if len(counts) != length:
            return _checked(where, name, [0, *np.cumsum(counts).tolist()], length)
    if name := named(table, INDICES):
        values = _whole(where, name, table)
        if len(values) == length:
            changes = (np.flatnonzero(np.diff(values)) + 1).tolist()
            return _checked(where, name, [0, *changes, length], length)
    marks = [name for name in table if last(name) in STARTS and tuple(table[name].shape) in ((length,), (length, 1))]
    if marks:
        starts = np.flatnonzero(np.asarray(table[marks[0]][:]).reshape(-1)).tolist()
        return _checked(where, marks[0], sorted({0, *starts, length}), length)
    marks = [name for name in table if last(name) in STOPS and tuple(table[name].shape) in ((length,), (length, 1))]
    if marks:
        over = np.any([np.asarray(table[name][:]).reshape(-1) for name in marks], axis=0)
        return _checked(where, marks[0], sorted({0, *(np.flatnonzero(over) + 1).tolist(), length}), length)
    return None


def _whole(where: str, name: str, table: Table) -> list[int]:
    stored = table[name]
    if stored.dtype.kind not in "iu" or len(stored.shape) != 1:
        raise UserError(f"{where}, {name}: expected whole numbers [N], found {stored.dtype} of shape {stored.shape}")
    return np.asarray(stored[:]).tolist()


def _checked(where: str, name: str, ends: list[int], length: int) -> list[tuple[int, int]]:
    spans = list(pairwise(ends))
    if not spans or any(end <= start for start, end in spans) or ends[-1] != length:
        raise UserError(
            f"{where}, {name}: expected rows that grow up to the {length} frames, found {ends[1:6]}"
            f"{' ...' if len(ends) > 6 else ''} up to {ends[-1]}"
        )
    return spans


def _shapes(table: Table) -> str:
    """``obs (10, 3) float32, ...``"""
    listed = [f"{name} {tuple(stored.shape)} {stored.dtype}" for name, stored in list(table.items())[:8]]
    return ", ".join(listed) + (" ..." if len(table) > 8 else "") or "no arrays"
