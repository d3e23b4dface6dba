"""z, the place descriptor: does it come back when the agent comes back, and what does it hold?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jepa_world_model.evaluation.estimate import Estimate, mean_of, ratio_of
from jepa_world_model.evaluation.figure import figure
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.linear_probe import classified, halves, readout
from jepa_world_model.evaluation.needs import CELLS, CHOICES

APART = 20
"""Frames of the same episode count as another visit from so many steps on."""
QUERIES = 1000
MOVED = 0.1
"""A pixel belongs to a sprite where it differs by so much from the mean frame, of a range of 1."""


@figure("z", target=0.99, needs=(CELLS,))
def recall_at_1_place(data: HeldOut) -> Estimate:
    """Share of frames whose nearest neighbour in z shows the same place. Neighbours are of other episodes, or at least
    20 steps away."""
    return _recall(data, _places(data))


@figure("z", target=0.95, needs=(CELLS, "inventory"))
def recall_at_1_place_and_inventory(data: HeldOut) -> Estimate:
    """The same, where place and inventory must both agree."""
    return _recall(data, _places(data) * 2 + data.truth["inventory"])


@figure("z", needs=(CELLS,))
def average_precision_place(data: HeldOut) -> Estimate:
    """Mean average precision of the same place among all frames sorted by their distance in z: the area under the
    precision-recall curve."""
    return mean_of(_by_episode(data, [_average_precision(*one) for one in _queries(data, _places(data))]))


@figure("z", target=0.99, needs=("position",))
def position_in_z(data: HeldOut) -> Estimate:
    """R2 of a linear probe from z to the true position, on other episodes than it was fitted on."""
    return readout(data.traces.z, data.truth["position"])


@figure("z", needs=(CHOICES,))
def action_in_z(data: HeldOut) -> Estimate:
    """Accuracy of a linear probe from z alone to the action taken next, above that of always naming the most frequent
    one. A place descriptor knows nothing of it beyond what the place suggests."""
    right, most_frequent = classified(data.traces.z[:, :-1], data.moves[:, :-1])
    return mean_of(right - most_frequent)


@figure("z")
def reconstruction_error(data: HeldOut) -> Estimate:
    """Squared error of decoded frames, as a share of the error of the mean frame."""
    return _drawn(data, np.ones(data.frames.shape[2:4], dtype=bool))


@figure("z")
def sprite_error(data: HeldOut) -> Estimate:
    """The same on the pixels that differ from the mean frame, where sprites are: 1 means never drawn."""
    return _drawn(data, None)


@figure("z", target=0.2, at_most=True, needs=(CELLS, "key", "inventory"))
def key_error(data: HeldOut) -> Estimate:
    """Squared error on the pixels of the key while it lies there, as a share of the error of not drawing it."""
    lies = ~data.truth["inventory"].astype(bool) & (data.truth["key"] != data.truth["position"]).any(axis=-1)
    numerators, denominators = np.zeros(data.episodes), np.zeros(data.episodes)
    background = _floor(data)
    for episode in range(data.episodes):
        at = np.flatnonzero(lies[episode])
        if not len(at):
            continue
        frames = data.frames[episode, at] / 255.0
        visible = np.abs(frames - background) > MOVED
        visible &= _near(data, episode, at)[..., None]
        decoded = data.subject.decode(data.traces.z[episode, at])
        numerators[episode] = np.square(decoded - frames)[visible].sum()
        denominators[episode] = np.square(background - frames)[visible].sum()
    return ratio_of(numerators, denominators)


def _places(data: HeldOut) -> np.ndarray:
    """[N, T] a number for each position."""
    positions = data.truth["position"]
    _, number = np.unique(positions.reshape(-1, positions.shape[-1]), axis=0, return_inverse=True)
    return number.reshape(positions.shape[:2])


def _recall(data: HeldOut, labels: np.ndarray) -> Estimate:
    hits = [float(same[distances.argmin()]) if same.any() else np.nan for distances, same in _queries(data, labels)]
    return mean_of(_by_episode(data, hits))


def _chosen(data: HeldOut) -> np.ndarray:
    """Numbers of the frames that are asked about, spread evenly."""
    total = data.episodes * data.length
    return np.linspace(0, total - 1, min(total, QUERIES)).round().astype(int)


def _queries(data: HeldOut, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each frame that is asked about: distances in z to all frames that may answer, and which have its label."""
    z = data.traces.z.reshape(-1, data.traces.z.shape[-1]).astype(np.float32)
    squares, flat = np.square(z).sum(axis=1), labels.reshape(-1)
    episode, step = np.divmod(np.arange(len(z)), data.length)
    for query in _chosen(data):
        distances = squares - 2 * (z @ z[query])
        other = (episode != episode[query]) | (np.abs(step - step[query]) >= APART)
        yield distances[other], (flat == flat[query])[other]


def _by_episode(data: HeldOut, values: list[float]) -> np.ndarray:
    """The mean of each episode's frames."""
    episode, found = _chosen(data) // data.length, np.asarray(values)
    means = [found[(episode == number) & np.isfinite(found)] for number in range(data.episodes)]
    return np.array([mean.mean() if len(mean) else np.nan for mean in means])


def _average_precision(distances: np.ndarray, same: np.ndarray) -> float:
    if not same.any():
        return float("nan")
    hits = same[np.argsort(distances, kind="stable")]
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean())


def _drawn(data: HeldOut, where: np.ndarray | None) -> Estimate:
    """Error of decoded frames over that of the mean frame, on some pixels [H, W], or on those of sprites."""
    fit, judge = halves(data.episodes)
    mean = data.frames[fit].reshape(-1, *data.frames.shape[2:]).mean(axis=0) / 255.0
    numerators, denominators = [], []
    for frames, z in zip(data.frames[judge], data.traces.z[judge], strict=True):
        truth, decoded = frames / 255.0, data.subject.decode(z)
        mask = np.abs(truth - mean).max(axis=-1) > MOVED if where is None else np.broadcast_to(where, truth.shape[:3])
        numerators.append(np.square(decoded - truth)[mask].sum())
        denominators.append(np.square(mean - truth)[mask].sum())
    return ratio_of(np.array(numerators), np.array(denominators))


def _floor(data: HeldOut) -> np.ndarray:
    """The median of all frames: what is there when no sprite is. [H, W, C] in [0, 1]"""
    frames = data.frames.reshape(-1, *data.frames.shape[2:])
    return np.median(frames[:: max(1, len(frames) // 500)], axis=0) / 255.0


def _near(data: HeldOut, episode: int, at: np.ndarray) -> np.ndarray:
    """[len(at), H, W] whether a pixel lies in the key's cell, on a map of square cells that fills the frame."""
    height, width = data.frames.shape[2:4]
    cells = int(data.truth["position"].max()) + 1
    rows, columns = np.arange(height) * cells // height, np.arange(width) * cells // width
    key = data.truth["key"][episode, at]
    return (rows[None, :, None] == key[:, 0, None, None]) & (columns[None, None, :] == key[:, 1, None, None])
