"""HDF5 files: a group for each episode, a file for each episode, or episodes on end in flat arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.hdf5_file import SIGNATURE, Hdf5Array, arrays_of
from jepa_world_model.data.readers.looking import begins_with, below
from jepa_world_model.data.readers.names import action_names
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.data.readers.tables import episodes_of, picture_names
from jepa_world_model.errors import UserError

FORMAT = "HDF5"
SUFFIXES = (".hdf5", ".h5", ".hdf", ".he5")
EPISODE = re.compile(r"(demo|episode|ep|traj|trajectory|rollout)[_-]?\d+$|^\d+$")


def files_of(path: Path) -> list[Path]:
    """HDF5 files at or below a path."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES or begins_with(path, SIGNATURE) else []
    return below(path, SUFFIXES)


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the file and the place in it."""
    return assemble(FORMAT, path, files, [episode for file in files for episode in _episodes(file)])


def _episodes(file: Path) -> Iterator[FoundEpisode]:
    arrays = arrays_of(file)
    if not arrays:
        raise UserError(f"{file}: expected arrays of pictures and actions, found none")
    roots = _roots(file, arrays)
    if len(roots) == 1 and not _is_episode(roots[0]):
        yield from episodes_of(str(file), arrays)
        return
    for root in roots:
        inside = {name.removeprefix(root): array for name, array in arrays.items() if name.startswith(root)}
        yield from episodes_of(f"{file}, {root.rstrip('/')}", inside, many=False)


def _roots(file: Path, arrays: Mapping[str, Hdf5Array]) -> list[str]:
    """The groups that hold an episode each: for each group of actions, the innermost group that has pictures too."""
    pictures = picture_names(arrays)
    by_group: dict[str, list[str]] = {}
    for name in arrays:
        by_group.setdefault(name.rpartition("/")[0], []).append(name)
    roots: dict[str, str] = {}
    for group, names in by_group.items():
        root = _holding(group, pictures) if action_names(names) else None
        if root is not None:
            roots.setdefault(root, group)
    outer = [root for root in roots if not any(other != root and root.startswith(other) for other in roots)]
    for root in outer:
        if any(other != root and other.startswith(root) and _is_episode(other) for other in roots):
            raise UserError(f"{file}, {roots[root] or '/'}: has actions and no pictures; add them, or remove it")
    for name in pictures:
        if outer and not name.startswith(tuple(outer)):
            raise UserError(f"{file}, {name}: has no actions next to it; add them, or remove it")
    return sorted(outer, key=lambda root: natural_order(Path(root))) or [""]


def _is_episode(root: str) -> bool:
    return EPISODE.search(root.rstrip("/").rpartition("/")[2]) is not None


def _holding(group: str, pictures: list[str]) -> str | None:
    parts = group.split("/") if group else []
    while True:
        prefix = "/".join(parts) + "/" if parts else ""
        if any(name.startswith(prefix) for name in pictures):
            return prefix
        if not parts:
            return None
        parts.pop()
