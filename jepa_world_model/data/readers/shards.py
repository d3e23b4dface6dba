"""WebDataset shards: tar archives whose files share a name, an episode each or a frame each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.image_file import SUFFIXES as PICTURES
from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.lazy import Rows, Stored
from jepa_world_model.data.readers.looking import below
from jepa_world_model.data.readers.names import ACTIONS, is_next
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.data.readers.shard_values import fields_of, stored_of
from jepa_world_model.data.readers.stills import file_camera
from jepa_world_model.data.readers.tables import episodes_of
from jepa_world_model.data.readers.tar_file import Member, members_of
from jepa_world_model.data.readers.video_file import CONTAINERS, video_camera
from jepa_world_model.errors import UserError

FORMAT = "WebDataset shards"
SUFFIXES = (".tar",)
PICKLED = (".pyd", ".pickle", ".pkl", ".pth", ".pt")
NUMBER = re.compile(r"^(.*?)[_\-.]?(?:frame|step|t)?[_\-]?(\d+)$")
OWNERS = ("episode", "episode_index", "episode_id", "ep", "traj")

Sample = Mapping[str, Member]
"""By suffix, such as ``.jpg`` or ``.action.npy``."""


def files_of(path: Path) -> list[Path]:
    """Archives at or below a path."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    return below(path, SUFFIXES)


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the archive and the file in it."""
    samples = [(file, key, sample) for file in files for key, sample in _samples(file)]
    if not samples:
        raise UserError(f"{path}: expected files in the shards, found none")
    pickled = sorted({suffix for _, _, sample in samples for suffix in sample if suffix.endswith(PICKLED)})
    if any(_pictures(sample) for _, _, sample in samples):
        found = list(_of_frames(path, samples))
    else:
        found = [_of_sample(file, key, sample) for file, key, sample in samples]
    notes = [f"left out, for reading it would run code of the file: {', '.join(pickled)}"] if pickled else []
    return assemble(FORMAT, path, files, found, notes=notes)


def _samples(archive: Path) -> Iterator[tuple[str, Sample]]:
    """Files that have the same name up to its first dot, in the order of the archive."""
    samples: dict[str, dict[str, Member]] = {}
    for member in members_of(archive):
        folder, _, base = member.name.rpartition("/")
        stem, dot, suffix = base.partition(".")
        if stem and dot and not base.startswith("."):
            samples.setdefault(f"{folder}/{stem}" if folder else stem, {})[f".{suffix.lower()}"] = member
    yield from samples.items()


def _pictures(sample: Sample) -> list[str]:
    return [suffix for suffix in sample if suffix.endswith(PICTURES)]


def _of_sample(archive: Path, key: str, sample: Sample) -> FoundEpisode:
    """A whole episode."""
    where = f"{archive}, {key}"
    table: dict[str, Stored] = {}
    for suffix, member in sample.items():
        table.update(stored_of(member, suffix))
    videos = {suffix: member for suffix, member in sample.items() if suffix.endswith(tuple(CONTAINERS))}
    if not videos:
        if not table:
            raise UserError(f"{where}: expected pictures and actions, found {', '.join(sample)}")
        return next(iter(episodes_of(where, table, many=False)))
    cameras = {_camera_name(suffix): video_camera(member) for suffix, member in videos.items()}
    actions = _chosen(where, table, sample)
    others = {name: Rows.of(stored) for name, stored in table.items() if name not in actions and not is_next(name)}
    return FoundEpisode(where, cameras, {name: Rows.of(table[name]) for name in actions}, others)


def _of_frames(path: Path, samples: Sequence[tuple[Path, str, Sample]]) -> Iterator[FoundEpisode]:
    """A frame in each sample, put together to episodes."""
    episodes: dict[tuple[Path, str] | str, list[tuple[str, Sample, dict[str, Any]]]] = {}
    for archive, key, sample in samples:
        fields = fields_of(sample, where=f"{archive}, {key}")
        owner = next((str(fields[name]) for name in OWNERS if name in fields), None)
        name = _episode_of(key)
        episodes.setdefault(owner if owner is not None else name or (archive, ""), []).append((key, sample, fields))
    for owner, frames in episodes.items():
        label = owner if isinstance(owner, str) else str(owner[0])
        first = next(iter(frames[0][1].values())).archive
        ordered = sorted(frames, key=lambda frame: natural_order(Path(frame[0])))
        yield _joined(f"{first}, {label}" if isinstance(owner, str) else label, ordered)


def _joined(where: str, frames: Sequence[tuple[str, Sample, dict[str, Any]]]) -> FoundEpisode:
    suffixes = _pictures(frames[0][1])
    for key, sample, _ in frames:
        if _pictures(sample) != suffixes:
            raise UserError(f"{where}, {key}: expected the pictures {', '.join(suffixes)}, found {', '.join(sample)}")
    cameras = {}
    for suffix in suffixes:
        members = {sample[suffix].where: sample[suffix] for _, sample, _ in frames}
        cameras[_camera_name(suffix)] = file_camera(where, list(members), lambda name, own=members: own[name].read())
    names = [name for name in frames[0][2] if name not in OWNERS]
    columns: dict[str, Stored] = {}
    actions = [name for word in ACTIONS for name in names if name == word][:1]
    if not actions:
        raise UserError(
            f'{where}, {frames[0][0]}: expected an action (.action.npy, .npy, .cls, or .json with a key "action"), '
            f"found {', '.join(frames[0][1])}"
        )
    for name in names:
        column = _column(where, name, frames, needed=name in actions)
        if column is not None:
            columns[name] = column
    others = {name: Rows.of(stored) for name, stored in columns.items() if name not in actions}
    return FoundEpisode(where, cameras, {name: Rows.of(columns[name]) for name in actions}, others)


def _column(
    where: str, name: str, frames: Sequence[tuple[str, Sample, dict[str, Any]]], *, needed: bool
) -> np.ndarray | None:
    """A number, or an array of numbers, of each frame. Raises UserError for a frame that lacks what is needed."""
    rows = []
    for key, _, fields in frames:
        value = np.asarray(fields.get(name, "nothing"))
        fits = value.dtype.kind in "biuf" and (not rows or value.shape == rows[0].shape)
        if not fits and needed:
            shape = f" of shape {rows[0].shape}" if rows else ""
            raise UserError(f'{where}, {key}: expected numbers{shape} for "{name}", found {fields.get(name, "none")!r}')
        if not fits:
            return None
        rows.append(value)
    return np.stack(rows)


def _chosen(where: str, table: Mapping[str, Stored], sample: Sample) -> list[str]:
    found = [name for word in ACTIONS for name in table if name == word][:1] or list(table)[:1]
    if not found:
        raise UserError(f"{where}: expected actions (.npy, .npz or .json), found {', '.join(sample)}")
    return found


def _episode_of(key: str) -> str:
    """What comes before the number of the frame: a folder, or the first part of a name; empty for a bare number."""
    folder, _, stem = key.rpartition("/")
    found = NUMBER.match(stem)
    prefix = found[1] if found else ""
    has_number = bool(re.search(r"\d", prefix))
    return "/".join(part for part in (folder, prefix if has_number else "") if part)


def _camera_name(suffix: str) -> str:
    """``front`` of ``.front.jpg``"""
    return suffix.strip(".").rpartition(".")[0] or "image"
