"""Actions in a table of their own: CSV with a header, .npz or .npy."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from audits.files import read_file
from jepa_world_model.data.npy_file import read_header
from jepa_world_model.data.readers.lazy import Rows, Stored
from jepa_world_model.data.readers.names import ACTIONS, action_names, is_next
from jepa_world_model.data.readers.npz_file import arrays_of
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file

SUFFIXES = (".csv", ".npz", ".npy")
PLACES = ("frame", "frame_index", "index", "step", "t", "time", "timestamp", "timestamps", "id", "")
"""Columns that say which row it is."""
EPISODES = ("episode", "episode_index", "video", "file", "filename", "name", "clip")
"""Columns that say which episode a row belongs to."""
MOST = 1 << 30


class ActionTable:
    """Actions and other numbers, row by row."""

    def __init__(self, actions: Mapping[str, Rows], others: Mapping[str, Rows], names: Sequence[str] = ()) -> None:
        self.actions, self.others, self.names = actions, others, tuple(names)


def read_table(path: Path) -> ActionTable:
    """The actions of one episode. Raises UserError that names the file, and the line where there is one."""
    if path.suffix.lower() == ".csv":
        return table_of(path, read_csv(path))
    if path.suffix.lower() == ".npy":
        header = read_header(path)
        if header.dtype.kind not in "biuf" or not header.shape:
            raise UserError(f"{path}: expected numbers [T, A], found {header.dtype} of shape {header.shape}")
        return ActionTable({"action": Rows.of(np.load(path, allow_pickle=False))}, {})
    arrays: Mapping[str, Stored] = arrays_of(path)
    names = action_names(arrays) or (list(arrays) if len(arrays) == 1 else [])
    if not names:
        raise UserError(f'{path}: expected an array "actions" or a single one, found {", ".join(arrays) or "none"}')
    others = {name: Rows.of(stored) for name, stored in arrays.items() if name not in names and not is_next(name)}
    return ActionTable({name: Rows.of(arrays[name]) for name in names}, others)


def read_csv(path: Path) -> dict[str, list[str]]:
    """Columns by name. Raises UserError for what is no table."""
    check_file(path)
    try:
        text = read_file(path, most=MOST).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: expected CSV in UTF-8, found something else ({error})") from error
    if len(rows) < 2:
        raise UserError(f"{path}: expected a header and a row for each action, found {len(rows)} lines")
    header, *body = rows
    header = [name.strip() for name in header]
    if len(set(header)) != len(header):
        raise UserError(f"{path}: expected columns of different names, found {', '.join(header)}")
    if all(_is_number(cell) for cell in header):
        raise UserError(f"{path}: expected names of columns in the first line, found numbers; add a header")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise UserError(f"{path}, line {number}: expected {len(header)} columns, found {len(row)}")
    return {name: [row[column].strip() for row in body] for column, name in enumerate(header)}


def table_of(path: Path, columns: Mapping[str, list[str]], *, first_line: int = 2) -> ActionTable:
    """Columns whose names begin with ``action`` are the actions; or else all that are numbers."""
    values = {name: cells for name, cells in columns.items() if name.lower() not in (*PLACES, *EPISODES)}
    chosen = [name for name in values if name.lower().startswith(ACTIONS) and not is_next(name.lower())]
    chosen = chosen or [name for name in values if name.lower() not in REWARDS and _is_number(values[name][0])]
    if not chosen:
        raise UserError(f"{path}: expected columns of actions, found {', '.join(columns)}")
    numbers = {name: _numbers(path, name, values[name], first_line) for name in chosen}
    whole = all(np.array_equal(column, column.round()) for column in numbers.values()) and len(chosen) == 1
    joined = np.stack(list(numbers.values()), axis=1)
    actions = joined[:, 0].astype(np.int64) if whole and np.isfinite(joined).all() else joined
    others = {
        name: Rows.of(_numbers(path, name, cells, first_line))
        for name, cells in values.items()
        if name not in chosen and _is_number(cells[0])
    }
    return ActionTable({"action": Rows.of(actions)}, others, () if actions.ndim == 1 else chosen)


REWARDS = ("reward", "rewards", "done", "dones", "terminated", "truncated", "is_first", "is_last", "success")


def _numbers(path: Path, name: str, cells: Sequence[str], first_line: int) -> np.ndarray:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        line = next(number for number, cell in enumerate(cells, start=first_line) if not _is_number(cell))
        raise UserError(
            f'{path}, line {line}: expected a number in column "{name}", found {cells[line - first_line]!r}'
        ) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
