"""Actions of any space as columns: a choice becomes one-hot, what is nested is laid side by side, with names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jepa_world_model.data.readers.lazy import Rows
from jepa_world_model.data.readers.names import last, parts_of
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

MOST_CHOICES = 1024
MOST_CHOICES_EACH = 64

Parts = Mapping[str, Rows]


@dataclass(frozen=True)
class Encoding:
    """How the parts of an action become a row."""

    names: tuple[str, ...]
    kind: ActionKind | None
    encode: Callable[[Parts, str], np.ndarray]
    """The actions of one episode, and where it lies: float32 [n, A]."""


def encoding_of(
    episodes: Sequence[tuple[str, Parts]], choices: Mapping[str, int] | None = None, *, encoded: bool = False
) -> Encoding:
    """Of the parts of all episodes. `choices` says how many there are, where a data set says so. `encoded` leaves whole
    numbers as they are.

    Raises UserError, naming the episode, where parts differ or are no numbers.
    """
    where, first = episodes[0]
    for other, parts in episodes:
        for name in {**first, **parts}:
            if name not in parts or name not in first:
                lacking, having = (other, where) if name not in parts else (where, other)
                raise UserError(f"{lacking}: expected the actions {name!r} as in {having}, found none")
            if parts[name].rest != first[name].rest:
                raise UserError(
                    f"{other}: expected actions of the shape {first[name].rest} as in {where}, found {parts[name].rest}"
                )
    counts = {name: None if encoded else _counts(name, episodes, (choices or {}).get(name, 0)) for name in first}
    names = [label for name, rows in first.items() for label in _labels(name, rows, counts[name], len(first) > 1)]
    kinds = [count is not None for count in counts.values()]
    one_choice = not encoded and len(kinds) == 1 and kinds[0] and len(next(iter(counts.values())) or ()) == 1
    kind = ActionKind.ONE_HOT if one_choice else ActionKind.MULTI_HOT if all(kinds) else None

    def encode(parts: Parts, where: str) -> np.ndarray:
        return np.concatenate([_columns(parts[name], counts[name], f"{where}, {name}") for name in first], axis=1)

    return Encoding(tuple(names), kind, encode)


def _counts(name: str, episodes: Sequence[tuple[str, Parts]], said: int) -> tuple[int, ...] | None:
    """How many choices each column has; None for real numbers and for buttons."""
    first = episodes[0][1][name]
    if first.dtype.kind not in "iu" or len(first.rest) > 1:
        return None
    lows, highs = [], []
    for where, parts in episodes:
        values = _flat(parts[name], f"{where}, {name}")
        if len(values):
            lows.append(values.min(axis=0))
            highs.append(values.max(axis=0))
    if not lows or np.min(lows) < 0:
        return None
    most = np.max(highs, axis=0).astype(int)
    single = len(most) == 1
    if said and single:
        return (max(said, int(most[0]) + 1),)
    if not single and most.max(initial=0) <= 1:
        return None
    if most.max(initial=0) >= (MOST_CHOICES if single else MOST_CHOICES_EACH):
        return None
    return tuple(int(high) + 1 for high in most)


def _labels(name: str, rows: Rows, counts: tuple[int, ...] | None, several: bool) -> list[str]:
    base = "_".join(part for part in parts_of(name)[1:]) or last(name) if several else last(name)
    base = base.removesuffix("s") if base in ("actions", "acts", "controls") else base
    if counts is None:
        width = int(np.prod(rows.rest))
        return [f"{base}_{column}" for column in range(width)] if width > 1 or not several else [base]
    if len(counts) == 1:
        return [f"{base}_{choice}" for choice in range(counts[0])]
    return [f"{base}_{column}_{choice}" for column, count in enumerate(counts) for choice in range(count)]


def _columns(rows: Rows, counts: tuple[int, ...] | None, where: str) -> np.ndarray:
    values = _flat(rows, where)
    if counts is None:
        return _finite(values.astype(np.float32), where)
    if len(values) and (values.min() < 0 or (values.max(axis=0) >= counts).any()):
        raise UserError(f"{where}: changed since the data set was opened")
    return np.concatenate(
        [np.eye(count, dtype=np.float32)[values[:, column]] for column, count in enumerate(counts)], axis=1
    )


def _flat(rows: Rows, where: str) -> np.ndarray:
    values = rows.read()
    if values.dtype.kind not in "biuf":
        raise UserError(f"{where}: expected actions that are real numbers, found {values.dtype}; save them as float32")
    return values.reshape(len(values), -1)


def _finite(values: np.ndarray, where: str) -> np.ndarray:
    """Raises UserError for the first row with NaN or infinity."""
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"{where}, row {row}: found {values[row, column]} in column {column} of the actions; "
            "correct it, or leave this episode out"
        )
    return values
