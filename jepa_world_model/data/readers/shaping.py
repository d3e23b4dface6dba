"""How the pictures of a data set become the frames of a model: which cameras, which size, and how they are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jepa_world_model.data.readers.fitting import fitted
from jepa_world_model.data.readers.pixels import BYTES, camera_range
from jepa_world_model.data.readers.raw import RawEpisode, RawSet
from jepa_world_model.errors import UserError, nearest
from jepa_world_model.picture_fit import FITS


@dataclass(frozen=True)
class Shaping:
    """What a model wants of pictures."""

    image_size: int
    fit: str = "letterbox"
    cameras: tuple[str, ...] = ()
    """Their pictures are stacked on the channels in this order; none of them for the first."""


class Frames:
    """The frames of the episodes of a set, as they are wanted."""

    def __init__(self, raw: RawSet, shaping: Shaping) -> None:
        """Looks at the first frames of some episodes. Raises UserError for a camera that is not there."""
        self.cameras = chosen_cameras(raw, shaping.cameras)
        self._shaping = shaping
        self._ranges = {name: camera_range(raw.episodes, name) for name in self.cameras}
        self.channels = sum(raw.cameras[name].shape[2] for name in self.cameras)
        self.notes = (*self._said_of_cameras(raw), *self._said_of_shapes(raw), *self._said_of_ranges())

    def shape(self, episode: RawEpisode) -> tuple[int, int, int, int]:
        """[T, size, size, C]"""
        return episode.length, self._shaping.image_size, self._shaping.image_size, self.channels

    def fill(self, episode: RawEpisode, frames: np.ndarray) -> None:
        """Write the frames of an episode into uint8 [T, size, size, C].

        Raises UserError, naming the episode, for pictures that are damaged, or of another number than was said.
        """
        first = 0
        for name in self.cameras:
            channels = episode.cameras[name].shape[2]
            self._fill(episode, name, frames[..., first : first + channels])
            first += channels

    def first(self, episode: RawEpisode, count: int) -> np.ndarray:
        """The first frames of an episode, at most `count`, as uint8 [n, size, size, C]. No more are read."""
        parts = [self._first(episode, name, min(count, episode.length)) for name in self.cameras]
        return np.concatenate([part[: min(map(len, parts))] for part in parts], axis=3)

    def _first(self, episode: RawEpisode, name: str, count: int) -> np.ndarray:
        found: list[np.ndarray] = []
        for block in episode.cameras[name].blocks():
            pixels = self._ranges[name].eight_bits(block[:count], episode.where, len(found))
            found.extend(fitted(pixels, self._shaping.image_size, self._shaping.fit))
            if len(found) >= count:
                break
        return np.stack(found[:count])

    def _fill(self, episode: RawEpisode, name: str, frames: np.ndarray) -> None:
        done = 0
        for block in episode.cameras[name].blocks():
            if done + len(block) > len(frames):
                done += len(block)
                break
            pixels = self._ranges[name].eight_bits(block, episode.where, done)
            if pixels.shape[3] != frames.shape[3]:
                raise UserError(
                    f"{episode.where}, frame {done}: expected {frames.shape[3]} channels, found {pixels.shape[3]}"
                )
            frames[done : done + len(block)] = fitted(pixels, self._shaping.image_size, self._shaping.fit)
            done += len(block)
        if done != len(frames):
            more = "more" if done > len(frames) else f"{done}"
            raise UserError(
                f"{episode.where}: expected {len(frames)} frames, found {more}; it was cut short or is damaged"
            )

    def _said_of_cameras(self, raw: RawSet) -> list[str]:
        others = [name for name in raw.cameras if name not in self.cameras]
        if not others:
            return []
        every = ", ".join(f'"{name}"' for name in raw.cameras)
        return [
            f"of the cameras {', '.join(raw.cameras)} only {', '.join(self.cameras)} is used; "
            f"for all of them, stacked on channels, use --set 'data.cameras=[{every}]'"
        ]

    def _said_of_shapes(self, raw: RawSet) -> list[str]:
        size, said = self._shaping.image_size, []
        for name in self.cameras:
            height, width, _ = raw.cameras[name].shape
            if height != width:
                done = {"letterbox": "framed with black", "crop": "cut", "stretch": "stretched"}[self._shaping.fit]
                others = " or ".join(fit for fit in FITS if fit != self._shaping.fit)
                said.append(
                    f"pictures of {height} x {width} are {done} to {size} x {size} "
                    f"(data.fit = {self._shaping.fit}; {others} is another way)"
                )
        return list(dict.fromkeys(said))

    def _said_of_ranges(self) -> list[str]:
        return [
            f"frames of {found.said} are stored as 0 to 255"
            for found in dict.fromkeys(self._ranges.values())
            if found is not BYTES
        ]


def chosen_cameras(raw: RawSet, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those that are wanted, or the first. Raises UserError for one that is not there."""
    if not wanted:
        return tuple(raw.cameras)[:1]
    for name in wanted:
        if name not in raw.cameras:
            raise UserError(f"{raw.path}: there is no camera {name!r}: {nearest(name, raw.cameras)}")
    return tuple(dict.fromkeys(wanted))
