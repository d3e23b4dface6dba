"""The index of a folder of episodes: with it, a folder of very many is opened without looking into each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from audits.files import replace_file
from jepa_world_model.data.episode_files import EpisodeFiles

INDEX = "index.npz"
MANY = 2000
"""Below, every episode is looked into, and the index is not needed."""


class IndexedEpisodes(Sequence[EpisodeFiles]):
    """The episodes of an index, made when they are asked for."""

    def __init__(self, folder: Path, lengths: np.ndarray, first: EpisodeFiles) -> None:
        self.lengths, self._folder, self._first = lengths, folder, first

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int, /) -> EpisodeFiles:  # pyright: ignore[reportIncompatibleMethodOverride]
        first = self._first
        place, length = self._folder / episode_name(index), int(self.lengths[index])
        return EpisodeFiles(place, length, first.image_shape, first.action_width, first.truth_names)

    def __iter__(self) -> Iterator[EpisodeFiles]:
        return (self[index] for index in range(len(self)))


def episode_name(number: int) -> str:
    """``episode_000003``"""
    return f"episode_{number:06d}"


def write_index(folder: Path, lengths: Sequence[int]) -> None:
    """Raises OSError."""
    content = BytesIO()
    np.savez(content, lengths=np.asarray(lengths, dtype=np.int64))
    replace_file(folder / INDEX, content.getvalue())


def read_lengths(folder: Path) -> np.ndarray | None:
    """The lengths that the index says; None where there is none for the episodes that are there, or too few of them."""
    path = folder / INDEX
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            lengths = archive["lengths"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if lengths.ndim != 1 or lengths.dtype != np.int64 or len(lengths) < MANY or (lengths < 1).any():
        return None
    with os.scandir(folder) as entries:
        there = {entry.name for entry in entries if entry.name.startswith("episode_")}
    is_same = len(there) == len(lengths) and all(episode_name(number) in there for number in range(len(lengths)))
    return lengths if is_same else None
