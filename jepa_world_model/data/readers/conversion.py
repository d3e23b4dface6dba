"""From any data set to the open format, an episode at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np

from jepa_world_model.data.episode_files import save_blocks
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.readers.raw import RawEpisode, RawSet
from jepa_world_model.data.readers.shaping import Frames, Shaping
from jepa_world_model.data.spec import infer_action_kind
from jepa_world_model.memory import check_disk

Progress = Callable[[int, int], None]  # episodes done, episodes in all


def convert(
    raw: RawSet, shaping: Shaping, out: Path, on_progress: Progress | None = None, *, resume: bool = False
) -> tuple[str, ...]:
    """Write a data set to a new folder; returns what was chosen and what was left out.

    Everything is checked first that can be without reading pictures. `resume` goes on after the episodes that are
    there. Raises UserError that names the file and the episode; the episodes written before are then whole.
    """
    frames = Frames(raw, shaping)
    kind = raw.action_kind or infer_action_kind(episode.actions() for episode in raw.episodes)
    needed = sum(prod(frames.shape(episode)) for episode in raw.episodes)
    check_disk(f"{raw.path}: {raw.frames:,} frames", needed, out, "take fewer episodes, or a smaller model.image_size")
    notes = (*raw.notes, *frames.notes)
    origin = {
        "converted_from": os.path.abspath(raw.path),
        "source_format": raw.format,
        "cameras": list(frames.cameras),
        "fit": shaping.fit,
        "notes": list(notes),
        "places": [episode.where for episode in raw.episodes],
    }
    with EpisodeWriter(out, action_kind=kind, action_names=raw.action_names, origin=origin, resume=resume) as writer:
        for episode in raw.episodes[writer.count :]:
            writer.add_by(lambda folder, episode=episode: _save(folder, frames, episode))
            if on_progress:
                on_progress(writer.count, len(raw.episodes))
    return notes


def _save(folder: Path, frames: Frames, episode: RawEpisode) -> None:
    def fill(mapped: np.ndarray) -> None:
        frames.fill(episode, mapped)

    save_blocks(folder, frames.shape(episode), fill, episode.actions(), episode.truth)
