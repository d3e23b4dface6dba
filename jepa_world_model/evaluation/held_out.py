"""What a model is evaluated on: held-out trajectories of one length, with their states and, where known, the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jepa_world_model.data.episodes import EpisodeSource
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.rollouts import Rollouts, rollouts
from jepa_world_model.evaluation.subject import EvaluatedModel, Traces, traced

FEWEST = 4
SHORTEST = 10


@dataclass(frozen=True)
class HeldOut:
    """N trajectories of T frames that training never saw."""

    subject: EvaluatedModel
    frames: np.ndarray
    """[N, T, H, W, C] uint8"""
    actions: np.ndarray
    """[N, T, A] float32; the last action is unused."""
    truth: Mapping[str, np.ndarray]
    """Each [N, T, ...]; for the evaluation only."""
    bodies: np.ndarray | None = None
    """Proprioception [N, T, P], where the model sees one."""

    @cached_property
    def traces(self) -> Traces:
        """Teacher-forced."""
        return traced(self.subject, self.frames, self.actions, self.bodies)

    @cached_property
    def rollouts(self) -> Rollouts:
        """Imagined from the traces."""
        return rollouts(self.subject, self.traces, self.actions)

    @property
    def episodes(self) -> int:
        return len(self.frames)

    @property
    def length(self) -> int:
        return self.frames.shape[1]

    @cached_property
    def moves(self) -> np.ndarray:
        """[N, T] the number of each action among the different ones of the data, the NOOP being one."""
        rows = self.actions.reshape(-1, self.actions.shape[-1])
        _, number = np.unique(rows, axis=0, return_inverse=True)
        return number.reshape(self.actions.shape[:2])

    @cached_property
    def distinct_actions(self) -> np.ndarray:
        """[M, A], by the numbers of `moves`."""
        return np.unique(self.actions.reshape(-1, self.actions.shape[-1]), axis=0)


def held_out(subject: EvaluatedModel, source: EpisodeSource, indices: Sequence[int], *, length: int) -> HeldOut:
    """The first `length` frames of some episodes, or fewer frames of more episodes if that is more data.

    Episodes that are shorter are left out. Raises UserError where fewer than `FEWEST` have `SHORTEST` frames.
    """
    lengths = np.asarray(source.lengths)[list(indices)]
    usable = np.sort(lengths[lengths >= SHORTEST])[::-1]
    if len(usable) < FEWEST:
        raise UserError(
            f"{source.name}: expected at least {FEWEST} held-out episodes of at least {SHORTEST} frames, found "
            f"{len(usable)} among {len(lengths)}, the longest of {int(lengths.max(initial=0))}; evaluate on more with "
            "--episodes or --data, or train with a larger data.validation_fraction"
        )
    length = max(
        (min(length, int(frames)) for frames in usable[FEWEST - 1 :]),
        key=lambda frames: (frames * int((lengths >= frames).sum()), frames),
    )
    fits = [index for index, frames in zip(indices, lengths, strict=True) if frames >= length]
    episodes = [source[int(index)] for index in fits]
    bodies = [episode.proprioception[:length] for episode in episodes if episode.proprioception is not None]
    shared = set.intersection(*(set(episode.truth) for episode in episodes))
    return HeldOut(
        subject,
        np.stack([episode.frames[:length] for episode in episodes]),
        np.stack([episode.actions[:length] for episode in episodes]),
        {name: np.stack([np.asarray(episode.truth[name])[:length] for episode in episodes]) for name in sorted(shared)},
        np.stack(bodies) if bodies else None,
    )
