"""From what a reader found in files to a data set whose episodes are alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jepa_world_model.data.readers.columns import Encoding, encoding_of
from jepa_world_model.data.readers.lazy import Rows
from jepa_world_model.data.readers.raw import Camera, RawEpisode, RawSet
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class FoundEpisode:
    """One episode, as a reader found it."""

    where: str
    cameras: Mapping[str, Camera]
    actions: Mapping[str, Rows]
    others: Mapping[str, Rows] = field(default_factory=dict)
    """Numbers that are neither pictures nor actions."""


def assemble(
    format: str,
    path: Path,
    files: Sequence[Path],
    found: Sequence[FoundEpisode],
    *,
    notes: Sequence[str] = (),
    left_out: Sequence[str] = (),
    choices: Mapping[str, int] | None = None,
    column_names: Sequence[str] = (),
    kind: ActionKind | None = None,
    encoded: bool = False,
    may_lead_to: bool = False,
) -> RawSet:
    """The data set. `choices` counts the choices of actions that are whole numbers; `column_names` names the columns.

    `encoded`: actions are columns already, whole numbers too. `kind` says how they are to be read.

    `may_lead_to`: in this format, an action may be stored with the frame that it led to; it is if the first action of
    every episode is zero. Raises UserError, naming the episode, where lengths do not fit or episodes differ.
    """
    if not found:
        raise UserError(f"{path}: expected episodes, found none in this {format}")
    _check_alike(found)
    said = list(notes)
    encoding = encoding_of([(each.where, each.actions) for each in found], choices, encoded=encoded)
    shifted = may_lead_to and _leads_to(found, encoding)
    if shifted:
        said.append("the first action of every episode is zero: action t is taken to lead to frame t, and is moved")
    dropped: set[str] = set(left_out)
    episodes = [_episode(each, encoding, shifted, dropped, said) for each in found]
    kept = list(episodes[0].truth)
    if kept and not encoded:
        said.append(f"kept for evaluation, and not seen by the model: {listed(kept)}")
    if dropped:
        said.append(f"left out, for they are no numbers or have no row for each frame: {listed(sorted(dropped))}")
    names = tuple(column_names) if len(column_names) == len(encoding.names) else () if encoded else encoding.names
    return RawSet(format, path, tuple(files), episodes, names, kind or encoding.kind, tuple(dict.fromkeys(said)))


def _check_alike(found: Sequence[FoundEpisode]) -> None:
    first = found[0]
    for each in found:
        if not each.cameras:
            raise UserError(f"{each.where}: expected pictures, found none")
        if not each.actions:
            raise UserError(f"{each.where}: expected actions, found none")
        if set(each.cameras) != set(first.cameras):
            raise UserError(
                f"{each.where}: expected the cameras {listed(sorted(first.cameras))} as in {first.where}, "
                f"found {listed(sorted(each.cameras))}"
            )
        for name, camera in each.cameras.items():
            if camera.shape[2] != first.cameras[name].shape[2]:
                raise UserError(
                    f"{each.where}: expected {first.cameras[name].shape[2]} channels of camera {name} as in "
                    f"{first.where}, found {camera.shape[2]}"
                )


def _episode(found: FoundEpisode, encoding: Encoding, shifted: bool, dropped: set[str], notes: list[str]) -> RawEpisode:
    lengths = {name: camera.length for name, camera in found.cameras.items()}
    length = next(iter(lengths.values()))
    if len(set(lengths.values())) > 1:
        raise UserError(f"{found.where}: expected as many frames of each camera, found {lengths}")
    if length == 0:
        raise UserError(f"{found.where}: expected at least one frame, found none")
    counts = {len(rows) for rows in found.actions.values()}
    if len(counts) > 1 or not counts <= {length - 1, length, length + 1}:
        raise UserError(
            f"{found.where}: expected {length} actions for {length} frames (or {length - 1}, without the unused last "
            f"one), found {' and '.join(map(str, sorted(counts)))}; action t is the one taken at frame t"
        )
    count = counts.pop()
    if count == length + 1:
        notes.append(f"{found.where}: one action more than frames; the last one is left out")

    def actions() -> np.ndarray:
        rows = encoding.encode(found.actions, found.where)
        rows = rows[1:] if shifted else rows
        padded = np.zeros((length, rows.shape[1]), dtype=np.float32)
        padded[: min(len(rows), length)] = rows[:length]
        return padded

    truth: dict[str, Callable[[], np.ndarray]] = {}
    for name, rows in found.others.items():
        if rows.dtype.kind not in "biuf" or abs(len(rows) - length) > 1:
            dropped.add(name)
        else:
            truth[_truth_name(name, truth)] = lambda rows=rows: _aligned(rows.read(), length)
    return RawEpisode(found.where, length, found.cameras, actions, truth)


def _leads_to(found: Sequence[FoundEpisode], encoding: Encoding) -> bool:
    """Whether the first action of every episode is zero, and others are not."""
    some = False
    for each in found:
        rows = _raw(each)
        if len(rows) != next(iter(each.cameras.values())).length or rows[0].any():
            return False
        some = some or bool(rows[1:].any())
    return some


def _raw(found: FoundEpisode) -> np.ndarray:
    """Before choices become one-hot, among which none is zero."""
    parts = [rows.read() for rows in found.actions.values()]
    if any(part.ndim == 1 and part.dtype.kind in "iu" for part in parts):
        return np.ones((1, 1))
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _aligned(values: np.ndarray, length: int) -> np.ndarray:
    """[length, ...]: a row that a last frame lacks is NaN, or zero where there is none."""
    if len(values) >= length:
        return values[:length]
    missing = np.full((length - len(values), *values.shape[1:]), np.nan if values.dtype.kind == "f" else 0)
    return np.concatenate([values, missing.astype(values.dtype)])


def _truth_name(name: str, taken: Mapping[str, object]) -> str:
    """As it may be in a file name."""
    base = re.sub(r"[^\w.-]+", "_", name.removeprefix("data/").removeprefix("obs/")).strip("_.") or "values"
    base, number = base[:100], 2
    free = base
    while free in taken:
        free, number = f"{base}_{number}", number + 1
    return free


def listed(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
