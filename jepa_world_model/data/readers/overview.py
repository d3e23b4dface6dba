"""What a data set is: said without converting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jepa_world_model.data import EMBEDDED, EpisodeSource, existing, generate
from jepa_world_model.data.action_scale import ColumnStatistics
from jepa_world_model.data.episodes import Episode, EpisodeList
from jepa_world_model.data.inspection import inspect_data
from jepa_world_model.data.readers.raw import Camera, RawEpisode, RawSet
from jepa_world_model.data.readers.registry import reader_of
from jepa_world_model.data.readers.shaping import Frames, Shaping
from jepa_world_model.data.spec import ActionKind, DataSpec, infer_action_kind

MOST_EPISODES, MOST_FRAMES = 24, 96
"""That are looked at for warnings, and of each."""
SHOWN_SIZE, SHOWN_EPISODES, SHOWN_FRAMES = 64, 6, 8
EMBEDDED_EPISODES, EMBEDDED_LENGTH = 20, 64


class ActionColumn(NamedTuple):
    """Of the actions."""

    name: str
    low: float
    high: float
    mean: float
    std: float


@dataclass(frozen=True, eq=False)
class Overview:
    """A data set at a glance."""

    format: str
    path: str
    lengths: np.ndarray
    cameras: Mapping[str, tuple[int, int, int]]
    used: tuple[str, ...]
    """Cameras whose pictures become frames."""
    kind: ActionKind
    columns: tuple[ActionColumn, ...]
    truth: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    sheet: tuple[np.ndarray, ...]
    """Frames of a few episodes, each [n, size, size, C] uint8."""


def opened(source: str) -> RawSet:
    """The data set that a name or a path stands for. Raises UserError where there is none."""
    if source in EMBEDDED:
        return _embedded(source)
    path = existing(source)
    reader, files = reader_of(path)
    return reader.read(path, files)


def overview(raw: RawSet, shaping: Shaping | None = None) -> Overview:
    """Reads all actions, and pictures of a few episodes. Raises UserError that names the file."""
    frames = Frames(raw, shaping or Shaping(SHOWN_SIZE))
    kind = raw.action_kind or infer_action_kind(episode.actions() for episode in raw.episodes)
    seen = np.linspace(0, len(raw.episodes) - 1, min(len(raw.episodes), MOST_EPISODES)).round().astype(int)
    episodes = [raw.episodes[index] for index in np.unique(seen)]
    preview = _Preview(raw, kind, frames, episodes)
    shown = [preview[number].frames for number in range(min(len(preview), SHOWN_EPISODES))]
    return Overview(
        raw.format,
        str(raw.path),
        np.array([episode.length for episode in raw.episodes]),
        {name: camera.shape for name, camera in raw.cameras.items()},
        frames.cameras,
        kind,
        tuple(_columns(raw)),
        tuple(raw.episodes[0].truth),
        (*raw.notes, *frames.notes),
        tuple(inspect_data(preview, np.arange(len(preview)), np.arange(0))),
        tuple(_spread(each) for each in shown),
    )


class _Preview(EpisodeList):
    """The first frames of some episodes."""

    def __init__(self, raw: RawSet, kind: ActionKind, frames: Frames, episodes: list[RawEpisode]) -> None:
        kept = []
        for episode in episodes:
            first = frames.first(episode, MOST_FRAMES)
            kept.append(Episode(first, episode.actions()[: len(first)]))
        size, channels = kept[0].frames.shape[2:]
        width = kept[0].actions.shape[1]
        super().__init__(raw.path.name, DataSpec(size, channels, width, kind, raw.action_names), kept)
        self._places = [episode.where for episode in episodes]

    def place(self, index: int, file: str = "") -> str:
        return self._places[index]


def _spread(frames: np.ndarray) -> np.ndarray:
    return frames[np.unique(np.linspace(0, len(frames) - 1, min(len(frames), SHOWN_FRAMES)).round().astype(int))]


def _columns(raw: RawSet) -> Iterator[ActionColumn]:
    """In one pass over the actions that lead somewhere."""
    width = raw.episodes[0].actions().shape[1]
    found = ColumnStatistics(width)
    for episode in raw.episodes:
        found.add(episode.actions()[:-1])
    ends = (np.where(np.isfinite(end), end, 0.0) + 0.0 for end in (found.low, found.high))
    rows = np.stack([*ends, found.mean, found.spread], axis=1)
    for column in range(width):
        name = raw.action_names[column] if raw.action_names else f"column {column}"
        yield ActionColumn(name, *map(float, rows[column]))


def _embedded(name: str) -> RawSet:
    source: EpisodeSource = generate(name, EMBEDDED_EPISODES, EMBEDDED_LENGTH, 0, SHOWN_SIZE)
    episodes = [_raw(f"{name}, episode {index}", source[index]) for index in range(len(source))]
    spec = source.spec
    return RawSet("embedded world", Path(name), (), episodes, spec.action_names, spec.action_kind)


def _raw(where: str, episode: Episode) -> RawEpisode:
    height, width, channels = episode.frames.shape[1:]
    camera = Camera(len(episode), (height, width, channels), lambda: iter([episode.frames]))
    truth = {name: (lambda name=name: episode.truth[name]) for name in episode.truth}
    return RawEpisode(where, len(episode), {"frames": camera}, lambda: episode.actions, truth)
