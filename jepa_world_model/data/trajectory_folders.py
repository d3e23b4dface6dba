"""The research layout: a folder of trajectories, each a folder of numbered images and actions.npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_world_model.data.actions_npz import ACTIONS_NPZ, read_actions
from jepa_world_model.data.image_file import SUFFIXES
from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file, readable, visible_folders


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One trajectory folder: T image files in natural order and actions [T or T-1, A]."""

    folder: Path
    images: tuple[Path, ...]
    actions: np.ndarray

    @property
    def actions_path(self) -> Path:
        return self.folder / ACTIONS_NPZ


def read_trajectories(folder: Path) -> list[Trajectory]:
    """List the trajectories of ``folder`` and read their actions, not their images.

    Raises UserError that names the file: no trajectories, no images, actions that do not fit, a folder that may not be
    looked into.
    """
    found = sorted((path for path in visible_folders(folder) if (path / ACTIONS_NPZ).exists()), key=natural_order)
    if not found:
        raise UserError(f"{folder}: no trajectories found; expected sub-folders with numbered images and {ACTIONS_NPZ}")
    trajectories = [_read(path) for path in found]
    _check_widths(trajectories)
    return trajectories


def without_actions(folder: Path) -> list[Path]:
    """The sub-folders with images that are no trajectories, for they have no actions."""
    found = [path for path in visible_folders(folder) if not (path / ACTIONS_NPZ).exists() and _images(path)]
    return sorted(found, key=natural_order)


def files_of_trajectories(trajectories: list[Trajectory]) -> list[Path]:
    """All images and actions."""
    return [path for trajectory in trajectories for path in (*trajectory.images, trajectory.actions_path)]


def _read(folder: Path) -> Trajectory:
    images = _images(folder)
    if not images:
        raise UserError(f"{folder}: expected numbered images ({', '.join(SUFFIXES)}), found none")
    for image in images:
        check_file(image, "an image")
    trajectory = Trajectory(folder, tuple(images), read_actions(folder / ACTIONS_NPZ))
    if len(trajectory.actions) not in (len(images), len(images) - 1):
        raise UserError(
            f"{trajectory.actions_path}: expected {len(images)} actions for {len(images)} images (or one fewer), "
            f"found {len(trajectory.actions)}; action t is the one taken at image t"
        )
    return trajectory


def _images(folder: Path) -> list[Path]:
    """Some systems put hidden files of the same suffix beside images."""
    with readable(folder):
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    return sorted(found, key=natural_order)


def _check_widths(trajectories: list[Trajectory]) -> None:
    first = trajectories[0]
    for other in trajectories[1:]:
        if other.actions.shape[1] != first.actions.shape[1]:
            raise UserError(
                f"{other.actions_path}: expected actions of width {first.actions.shape[1]} as in "
                f"{first.actions_path}, found width {other.actions.shape[1]}"
            )
