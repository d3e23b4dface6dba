"""The open format of this project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jepa_world_model.data.dataset_json import DATASET_JSON, read_info
from jepa_world_model.data.episode_files import ACTIONS, FRAMES, TRUTH_PREFIX
from jepa_world_model.data.episode_folder import episode_folders
from jepa_world_model.data.npy_file import read_header
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble
from jepa_world_model.data.readers.lazy import Rows
from jepa_world_model.data.readers.raw import Camera, RawSet
from jepa_world_model.data.readers.shapes import arrangement
from jepa_world_model.errors import UserError

FORMAT = "jepa-episodes"


class NpyArray:
    """An array of a file, mapped while it is read."""

    def __init__(self, path: Path) -> None:
        header = read_header(path)
        self.path, self.shape, self.dtype = path, header.shape, header.dtype
        if not self.shape:
            raise UserError(f"{path}: expected rows, found a single value")

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r", allow_pickle=False)[rows])


def files_of(path: Path) -> list[Path]:
    """The files of the episodes, where there are any."""
    if not path.is_dir() or not ((path / DATASET_JSON).exists() or any(path.glob(f"*/{FRAMES}"))):
        return []
    files = [file for folder in episode_folders(path) for file in sorted(folder.glob("*.npy"))]
    return [file for file in (path / DATASET_JSON, *files) if file.exists()]


def read(path: Path, files: list[Path]) -> RawSet:
    """Frames may have any type and shape. Raises UserError that names the file."""
    info = read_info(path)
    found = [_found(folder) for folder in episode_folders(path)]
    return assemble(FORMAT, path, files, found, column_names=info.action_names, kind=info.action_kind, encoded=True)


def _found(folder: Path) -> FoundEpisode:
    frames, actions = NpyArray(folder / FRAMES), NpyArray(folder / ACTIONS)
    placed = arrangement(frames.shape[1:])
    if placed is None or frames.dtype.kind not in "biuf":
        raise UserError(
            f"{folder / FRAMES}: expected frames [T, H, W, C] of numbers, found {frames.dtype} of shape {frames.shape}"
        )
    if len(actions.shape) != 2 or actions.shape[1] == 0:
        raise UserError(
            f"{folder / ACTIONS}: expected actions [T, A], found shape {actions.shape}; "
            "turn n discrete choices into rows with numpy.eye(n)[choices]"
        )
    rows = Rows.of(frames)
    camera = Camera(len(rows), placed.shape, lambda: (placed.turned(block) for block in rows.blocks()))
    truth = {
        file.stem.removeprefix(TRUTH_PREFIX): Rows.of(NpyArray(file))
        for file in sorted(folder.glob(f"{TRUTH_PREFIX}*.npy"))
    }
    return FoundEpisode(str(folder), {"frames": camera}, {"action": Rows.of(actions)}, truth)
