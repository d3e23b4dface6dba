"""Minari data sets: an HDF5 file with a group for each episode, and what the environment was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.hdf5_file import Hdf5Array, arrays_of
from jepa_world_model.data.readers.names import ACTIONS
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.data.readers.tables import episodes_of
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import json_object, parse_json

FORMAT = "Minari"
MAIN, METADATA = "main_data.hdf5", "metadata.json"
EPISODE = re.compile(r"episode_\d+$")


def files_of(path: Path) -> list[Path]:
    """The files of a data set, named by its folder or by the folder ``data`` in it."""
    if not path.is_dir():
        return []
    for folder in (path / "data", path):
        if (folder / MAIN).exists():
            return [file for file in (folder / MAIN, folder / METADATA) if file.exists()]
        if (folder / METADATA).exists() and json_object(folder / METADATA).get("data_format") not in (None, "hdf5"):
            raise UserError(f"{folder}: is a Minari data set in arrow, which is not read; write it as hdf5")
    return []


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the file and the episode."""
    main = files[0]
    arrays = arrays_of(main)
    episodes: dict[str, dict[str, Hdf5Array]] = {}
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        if EPISODE.match(group) and rest:
            episodes.setdefault(group, {})[rest] = array
    if not episodes:
        raise UserError(
            f"{main}: expected groups episode_0, episode_1, ..., found {', '.join(list(arrays)[:4]) or 'none'}"
        )
    found: list[FoundEpisode] = []
    for group in sorted(episodes, key=lambda name: natural_order(Path(name))):
        found.extend(episodes_of(f"{main}, {group}", episodes[group], many=False))
    metadata = json_object(files[1]) if len(files) > 1 else {}
    return assemble(FORMAT, path, files, found, choices=_choices(metadata, found[0]))


def _choices(metadata: dict[str, Any], found: FoundEpisode) -> dict[str, int]:
    """How many there are, of a discrete action."""
    try:
        space = parse_json(metadata.get("action_space", "null"))
    except (ValueError, TypeError):
        return {}
    if not isinstance(space, dict) or space.get("type") != "Discrete" or not isinstance(space.get("n"), int):
        return {}
    return {name: space["n"] for name in found.actions if name in ACTIONS and 0 < space["n"] <= 10_000}
