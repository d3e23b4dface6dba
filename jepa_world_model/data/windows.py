"""Windows cut from episodes, and the batches made of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from jepa_world_model.data.episodes import EpisodeSource
from jepa_world_model.errors import UserError


@dataclass(frozen=True, eq=False)
class Batch:
    """B windows of T frames. Action t leads from frame t to frame t + 1."""

    frames: torch.Tensor  # [B, T, H, W, C] uint8
    actions: torch.Tensor  # [B, T, A] float32
    z: torch.Tensor | None = None  # [B, T, Dz] float32, where it takes the place of the frames, which are empty then
    proprioception: torch.Tensor | None = None  # [B, T, P] float32, where the model sees one

    def split(self, parts: int) -> "list[Batch]":
        """So many batches of as many windows each."""
        tensors = (self.frames, self.actions, self.z, self.proprioception)
        chunks = [[None] * parts if tensor is None else tensor.chunk(parts) for tensor in tensors]
        return [Batch(*chunk) for chunk in zip(*chunks, strict=True)]


class WindowSampler:
    """Windows of ``sequence_length`` frames, each within one of the episodes ``indices``, all equally likely.

    Episodes shorter than a window are left out. Of each batch this is share number ``share``, one of ``shares`` equal
    ones. Raises UserError when no episode is long enough, or a batch cannot be shared.
    """

    def __init__(
        self,
        source: EpisodeSource,
        indices: np.ndarray,
        batch_size: int,
        sequence_length: int,
        seed: int,
        *,
        share: int = 0,
        shares: int = 1,
        embeddings: Callable[[int], np.ndarray] | None = None,
    ) -> None:
        """`embeddings` gives z [T, Dz] of an episode; batches then hold it instead of frames."""
        if batch_size % shares:
            raise UserError(
                f"train.batch_size {batch_size} cannot be shared by {shares} processes; "
                f"use --set train.batch_size={-(-batch_size // shares) * shares}"
            )
        self._rows = slice(share * batch_size // shares, (share + 1) * batch_size // shares)
        self.batch_size = batch_size
        self.sequence_length = sequence_length
        self.seed = seed
        self._source, self._embeddings = source, embeddings
        lengths = np.asarray(source.lengths)[indices]
        fits = lengths >= sequence_length
        if not fits.any():
            raise UserError(_too_short(source.name, lengths, sequence_length))
        self._indices = np.asarray(indices)[fits]
        self._ends = np.cumsum(lengths[fits] - sequence_length + 1)  # windows up to and with each episode

    @property
    def window_count(self) -> int:
        """The number of different windows."""
        return int(self._ends[-1])

    def batch(self, step: int) -> Batch:
        """Return the batch of ``step``: the same for the same (seed, step), whatever was asked for before.

        All shares draw the whole batch and cut out their own rows, so that together they are what one process has.
        """
        rng = np.random.default_rng([self.seed, step])
        return self._cut(rng.integers(self.window_count, size=self.batch_size)[self._rows])

    def sequential(self, max_windows: int) -> Iterator[Batch]:
        """Yield at most ``max_windows`` windows, evenly spread over all episodes, always the same ones in order."""
        count = min(max_windows, self.window_count)
        windows = np.linspace(0, self.window_count - 1, count).round().astype(np.int64)
        for first in range(0, count, self.batch_size):
            yield self._cut(windows[first : first + self.batch_size])

    def _cut(self, windows: np.ndarray) -> Batch:
        """Copy the windows with these numbers, each with one copy of contiguous memory, into one new array."""
        spec, length = self._source.spec, self.sequence_length
        seen = 0 if self._embeddings else length
        frames = np.empty((len(windows), seen, spec.image_size, spec.image_size, spec.channels), dtype=np.uint8)
        actions = np.empty((len(windows), length, spec.action_width), dtype=np.float32)
        places = np.searchsorted(self._ends, windows, side="right")
        z, bodies = [], []
        for row, (place, window) in enumerate(zip(places, windows, strict=True)):
            index = int(self._indices[place])
            episode = self._source[index]
            start = int(window) - (int(self._ends[place - 1]) if place else 0)
            actions[row] = episode.actions[start : start + length]
            if episode.proprioception is not None:
                bodies.append(episode.proprioception[start : start + length])
            if self._embeddings:
                z.append(self._embeddings(index)[start : start + length])
            else:
                frames[row] = episode.frames[start : start + length]
        kept, body = (torch.from_numpy(np.stack(rows)) if rows else None for rows in (z, bodies))
        return Batch(torch.from_numpy(frames), torch.from_numpy(actions), kept, body)


def _too_short(name: str, lengths: np.ndarray, sequence_length: int) -> str:
    longest = int(lengths.max(initial=0))
    remedy = f"use --set train.sequence_length={longest}" if longest >= 2 else "record longer episodes"
    return (
        f"{name}: expected at least one episode of {sequence_length} frames (train.sequence_length), "
        f"found none among {len(lengths)}, the longest has {longest}; {remedy}"
    )
