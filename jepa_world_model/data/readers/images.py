"""Folders of numbered images with their actions."""

from __future__ import annotations

from pathlib import Path

from jepa_world_model.data.actions_npz import ACTIONS_NPZ
from jepa_world_model.data.image_file import read_image
from jepa_world_model.data.readers.assemble import FoundEpisode, assemble, listed
from jepa_world_model.data.readers.lazy import Rows
from jepa_world_model.data.readers.raw import Camera, RawSet
from jepa_world_model.data.readers.video_file import SUFFIXES as VIDEOS
from jepa_world_model.data.trajectory_folders import (
    Trajectory,
    files_of_trajectories,
    read_trajectories,
    without_actions,
)

FORMAT = "folders of images"


def files_of(path: Path) -> list[Path]:
    """All images and actions below a folder."""
    tables = list(path.glob(f"*/{ACTIONS_NPZ}")) if path.is_dir() else []
    if not tables or any(each.suffix.lower() in VIDEOS for each in tables[0].parent.iterdir()):
        return []
    return files_of_trajectories(read_trajectories(path))


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the file."""
    bare = [each.name for each in without_actions(path)]
    notes = [f"left out, for there is no {ACTIONS_NPZ} in it: {listed(bare)}"] if bare else []
    return assemble(FORMAT, path, files, [_found(each) for each in read_trajectories(path)], encoded=True, notes=notes)


def _found(trajectory: Trajectory) -> FoundEpisode:
    height, width, channels = read_image(trajectory.images[0]).shape
    camera = Camera(
        len(trajectory.images),
        (height, width, channels),
        lambda: (read_image(image)[None] for image in trajectory.images),
    )
    return FoundEpisode(str(trajectory.folder), {"images": camera}, {"action": Rows.of(trajectory.actions)})
