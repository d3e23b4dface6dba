"""z of every frame that is trained on, computed once and kept in a memory-mapped file of the run folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from audits.files import LEFT_OVER, explained
from jepa_world_model import processes
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.windows import Batch
from jepa_world_model.errors import UserError

if TYPE_CHECKING:
    from jepa_world_model.training.trainer import Trainer

FRAMES_AT_ONCE = 256
NAME = "z-{digest}.npy"


class Embeddings:
    """Calling it with the number of a training episode gives its z [T, Dz]."""

    def __init__(self, z: np.ndarray, places: dict[int, slice]) -> None:
        """`places` are the rows of z [N, Dz] by episode."""
        self._z, self._places = z, places

    def __call__(self, episode: int) -> np.ndarray:
        return self._z[self._places[episode]]


def embeddings_of(
    trainer: Trainer, folder: Path, on_progress: Callable[[int, int], None], asked_to_stop: Callable[[], bool]
) -> Embeddings | None:
    """Those of the training episodes, computed by the encoder as it is now, or read where they were computed before.

    Only the first process computes, the others wait for it. None when a stop was asked for meanwhile.
    """
    lengths = np.asarray(trainer.source.lengths)[trainer.training]
    ends = np.cumsum(lengths)
    places = {
        int(episode): slice(int(end - length), int(end))
        for episode, length, end in zip(trainer.training, lengths, ends, strict=True)
    }
    path, shape = folder / NAME.format(digest=_digest(trainer)), (int(ends[-1]), trainer.config.model.z_dim)
    done = True
    if processes.is_first() and _mapped(path, shape) is None:
        with explained(path):
            folder.mkdir(exist_ok=True)
            done = _compute(trainer, path, places, shape, on_progress, asked_to_stop)
    if not processes.from_first(done):
        return None
    z = _mapped(path, shape)
    if z is None:
        raise UserError(f"{path}: expected z of {shape[0]:,} frames; all processes must see the folder of the run")
    return Embeddings(z, places)


def forget_embeddings(folder: Path) -> None:
    """Remove the files; the run needs them no more."""
    if folder.is_dir():
        with explained(folder):
            for file in folder.glob(NAME.format(digest="*")):
                file.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()


def _mapped(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The file, or None where there is none of this shape: it is made anew then."""
    try:
        z = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return z if isinstance(z, np.ndarray) and (z.shape, z.dtype) == (shape, np.float32) else None


@torch.no_grad()
def _compute(
    trainer: Trainer,
    path: Path,
    places: dict[int, slice],
    shape: tuple[int, int],
    on_progress: Callable[[int, int], None],
    asked_to_stop: Callable[[], bool],
) -> bool:
    """Write the file, whole or not at all. Returns whether it was written."""
    partial = path.with_name(LEFT_OVER.replace("*", os.urandom(8).hex()))
    z = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=shape)
    trainer.model.eval()
    try:
        for episode, place in places.items():
            if asked_to_stop():
                return False
            z[place] = _embedded(trainer, trainer.source[episode])
            on_progress(place.stop, shape[0])
        z.flush()
        os.replace(partial, path)
    finally:
        trainer.model.train()
        partial.unlink(missing_ok=True)
    return True


def _embedded(trainer: Trainer, episode: Episode) -> np.ndarray:
    """z [T, Dz] of an episode."""
    parts = []
    for first in range(0, len(episode), FRAMES_AT_ONCE):
        rows = slice(first, first + FRAMES_AT_ONCE)
        frames = torch.from_numpy(np.array(episode.frames[rows])[None])  # a memory map may not be written
        body = None if episode.proprioception is None else torch.from_numpy(episode.proprioception[rows][None])
        batch = Batch(frames, frames.new_empty(0), proprioception=body)
        with trainer.runtime.autocast():
            parts.append(trainer.model.encoder(trainer.whole.frames(batch), trainer.whole.body(batch))[0].float().cpu())
    return torch.cat(parts).numpy()


def _digest(trainer: Trainer) -> str:
    """Of the encoder's weights, so that z of another encoder is never read."""
    digest = sha256()
    for tensor in trainer.model.encoder.state_dict().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
