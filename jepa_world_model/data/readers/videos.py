"""Videos with their actions: side by side with the same name, in a folder for each episode, or in one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jepa_world_model.data.readers.action_table import EPISODES, ActionTable, read_csv, read_table, table_of
from jepa_world_model.data.readers.action_table import SUFFIXES as TABLES
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.looking import below
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.data.readers.video_file import SUFFIXES, video_camera
from jepa_world_model.errors import UserError

FORMAT = "videos with actions"
COMMON = ("actions", "action", "labels", "data")
"""Names of the one table of a folder."""


def files_of(path: Path) -> list[Path]:
    """Videos and tables at or below a path."""
    if path.is_file():
        return [path, *_besides(path)] if path.suffix.lower() in SUFFIXES else []
    videos = below(path, SUFFIXES)
    return [*videos, *below(path, TABLES), *_tables_in(path)] if videos else []


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the video or the table."""
    videos = [file for file in files if file.suffix.lower() in SUFFIXES]
    found, names = [], ()
    for each, table in _episodes(path, videos):
        found.append(each)
        names = table.names
    return assemble(FORMAT, path, files, found, column_names=names)


def _episodes(path: Path, videos: list[Path]) -> Iterator[tuple[FoundEpisode, ActionTable]]:
    if path.is_dir() and videos[0].parent != path and not any(_besides(video) for video in videos):
        for folder in dict.fromkeys(video.parent for video in videos):
            yield _in_folder(folder, [video for video in videos if video.parent == folder])
        return
    common = _by_episode(path) if path.is_dir() and not any(_besides(video) for video in videos) else {}
    for video in videos:
        tables = _besides(video)
        own = common.get(video.stem) or common.get(_number(video.stem))
        if not tables and own is None:
            expected = " or ".join(f"{video.stem}{suffix}" for suffix in TABLES)
            raise UserError(
                f"{video}: expected its actions in {expected} next to it, or in one table actions.csv with a column "
                f"{EPISODES[0]}, found neither"
            )
        table = own or read_table(tables[0])
        yield FoundEpisode(str(video), {"video": video_camera(video)}, table.actions, table.others), table


def _in_folder(folder: Path, videos: list[Path]) -> tuple[FoundEpisode, ActionTable]:
    """One episode: a video for each camera, and a table."""
    tables = _tables_in(folder)
    if len(tables) != 1:
        found = ", ".join(table.name for table in tables) or "none"
        raise UserError(f"{folder}: expected one table of actions (actions.csv, .npz or .npy), found {found}")
    table = read_table(tables[0])
    cameras = {video.stem: video_camera(video) for video in videos}
    return FoundEpisode(str(folder), cameras, table.actions, table.others), table


def _number(stem: str) -> str:
    """``3`` of ``episode_000003``"""
    digits = re.search(r"\d+$", stem)
    return str(int(digits[0])) if digits else ""


def _besides(video: Path) -> list[Path]:
    return [table for suffix in TABLES if (table := video.with_suffix(suffix)).exists()]


def _tables_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES and path.is_file()]
    named = [path for path in found if path.stem.lower() in COMMON]
    return named or found


def _by_episode(folder: Path) -> dict[str, ActionTable]:
    """Rows of the one table of a folder, by the name of their video."""
    tables = [path for path in _tables_in(folder) if path.suffix.lower() == ".csv"]
    if len(tables) != 1:
        return {}
    columns = read_csv(tables[0])
    key = next((name for word in EPISODES for name in columns if name.lower() == word), None)
    if key is None:
        return {}
    owners = np.array([Path(cell).name for cell in columns[key]])
    parts = {}
    for owner in dict.fromkeys(owners.tolist()):
        rows = np.flatnonzero(owners == owner)
        own = {name: [cells[row] for row in rows] for name, cells in columns.items()}
        parts[Path(owner).stem if Path(owner).suffix.lower() in SUFFIXES else owner] = table_of(
            tables[0], own, first_line=int(rows[0]) + 2
        )
    return parts
