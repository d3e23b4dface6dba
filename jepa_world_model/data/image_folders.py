"""Trajectories kept as image files, decoded once into a cache in the open format."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jepa_world_model.data.dataset_json import write_info
from jepa_world_model.data.episode_files import pad_actions, save_episode
from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.image_file import decode_image
from jepa_world_model.data.spec import DataSpec, infer_action_kind
from jepa_world_model.data.trajectory_folders import Trajectory, fingerprint, read_trajectories
from jepa_world_model.errors import UserError

Progress = Callable[[int, int], None]  # trajectories done, trajectories in all


def open_image_folders(folder: str | Path, image_size: int, on_progress: Progress | None = None) -> EpisodeFolder:
    """Open ``folder`` with frames of ``image_size`` through the cache, decoding it when it is new or has changed.

    Raises UserError that names the file when a trajectory is malformed or the cache cannot be written.
    """
    folder = Path(folder)
    trajectories = read_trajectories(folder)
    cached = cache_folder() / f"{fingerprint(trajectories)}-{image_size}"
    if not cached.exists():
        _fill(cached, trajectories, image_size, on_progress)
    source = EpisodeFolder(cached)
    source.name = folder.resolve().name
    return source


def cache_folder() -> Path:
    """Return the folder that keeps decoded images: ``$XDG_CACHE_HOME/jepa``, or ``~/.cache/jepa``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jepa"


def _fill(cached: Path, trajectories: list[Trajectory], image_size: int, on_progress: Progress | None) -> None:
    """Decode everything next to ``cached``, then rename: a cache that exists is complete."""
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=cached.parent, ignore_cleanup_errors=True) as partial:
            content = Path(partial) / cached.name
            content.mkdir()
            _decode(content, trajectories, image_size, on_progress)
            _publish(content, cached)
    except OSError as error:
        raise UserError(
            f"{cached.parent}: decoded images cannot be kept there ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder that can be written and has space"
        ) from error


def _publish(content: Path, cached: Path) -> None:
    try:
        os.rename(content, cached)
    except OSError:
        if not cached.exists():  # otherwise another process decoded the same images first
            raise


def _decode(target: Path, trajectories: list[Trajectory], image_size: int, on_progress: Progress | None) -> None:
    for index, trajectory in enumerate(trajectories):
        episode = target / f"episode_{index:06d}"
        episode.mkdir()
        frames = np.stack([decode_image(path, image_size) for path in trajectory.images])
        save_episode(episode, Episode(frames, pad_actions(trajectory.actions, len(frames))))
        if on_progress:
            on_progress(index + 1, len(trajectories))
    kind = infer_action_kind(trajectory.actions for trajectory in trajectories)
    spec = DataSpec(image_size, 3, trajectories[0].actions.shape[1], kind)
    write_info(target, spec, {"decoded_from": [str(trajectory.folder.resolve()) for trajectory in trajectories]})
