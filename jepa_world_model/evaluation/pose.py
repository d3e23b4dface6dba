"""p, the planning pose: is it odometry that adds up, and does each action mean one displacement?"""

from __future__ import annotations

import numpy as np

from jepa_world_model.evaluation.estimate import Estimate, mean_of, one_minus, ratio_of
from jepa_world_model.evaluation.figure import figure
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.linear_probe import LinearProbe, halves
from jepa_world_model.evaluation.needs import CELLS, CHOICES, MOVES

SHORT, LONG = 8, 64
SHORT_STEP = 0.5


@figure("p", target=0.99, needs=("position",), frames=SHORT)
def displacement_over_8(data: HeldOut) -> Estimate:
    """R2 of a linear probe from the change of p over 8 frames to the true displacement."""
    return _displacement(data, SHORT - 1)


@figure("p", target=0.99, needs=("position",), frames=LONG)
def displacement_over_64(data: HeldOut) -> Estimate:
    """The same over 64 frames, by the probe that was fitted on all spans: an error of each step adds up."""
    return _displacement(data, LONG - 1)


@figure("p", needs=("position",))
def drift(data: HeldOut) -> Estimate:
    """Error of the probed displacement at the end of a trajectory, as a share of the length of the path walked."""
    _, judge = halves(data.episodes)
    position = data.truth["position"][judge].astype(float)
    path = np.linalg.norm(np.diff(position, axis=1), axis=-1).sum(axis=1)
    probed = _probe(data)(data.traces.p[judge][:, -1] - data.traces.p[judge][:, 0])
    return ratio_of(np.linalg.norm(probed - (position[:, -1] - position[:, 0]), axis=-1), path)


@figure("p", target=0.9, at_most=True, needs=(MOVES,))
def largest_cosine_of_actions(data: HeldOut) -> Estimate:
    """The largest cosine between the mean increments of two actions. 1 means that p moves alike whatever is done."""
    cosines = action_cosines(data)
    return Estimate.exact(float(cosines[np.triu_indices(len(cosines), k=1)].max(initial=-1)), data.episodes)


@figure("p", target=-0.95, at_most=True, needs=(MOVES,))
def cosine_of_opposites(data: HeldOut) -> Estimate:
    """The smallest cosine of each action with another, averaged: -1 where every move has an inverse."""
    cosines = action_cosines(data)
    np.fill_diagonal(cosines, np.inf)
    return Estimate.exact(float(cosines.min(axis=1).mean()), data.episodes)


@figure("p", target=0.1, at_most=True, needs=(CELLS, CHOICES))
def blocked_increment(data: HeldOut) -> Estimate:
    """Length of an increment when a wall blocks the move, as a share of its length when nothing does."""
    free, blocked = _kinds(data)
    return _lengths(data, blocked, free)


@figure("p", target=0.1, at_most=True, needs=(CHOICES,))
def still_increment(data: HeldOut) -> Estimate:
    """Length of an increment of the NOOP, as a share of that of all other actions."""
    acts = np.asarray(data.actions[:, :-1].any(axis=-1))
    return _lengths(data, ~acts, acts)


@figure("p")
def ranking(data: HeldOut) -> Estimate:
    """Share of pairs of frames of which the later one lies nearer to the trajectory's last pose."""
    p = data.traces.p
    distance = np.linalg.norm(p - p[:, -1:], axis=-1)
    earlier, later = np.triu_indices(data.length, k=1)
    return mean_of((distance[:, later] < distance[:, earlier]).mean(axis=1))


def mean_increments(data: HeldOut, actions: np.ndarray) -> np.ndarray:
    """The mean increment [M, Dp] of each of some actions [M, A]; zeros for one that was never taken.

    Increments shorter than half of the action's median one are left out: the model holds those moves for blocked.
    """
    dp, taken = np.diff(data.traces.p, axis=1), data.actions[:, :-1]
    chosen = [dp[(taken == row).all(axis=-1)] for row in actions]
    return np.stack([_free(steps).mean(axis=0) if len(steps) else np.zeros(dp.shape[-1]) for steps in chosen])


def _free(steps: np.ndarray) -> np.ndarray:
    """Increments [N, Dp] without those that are short."""
    lengths = np.linalg.norm(steps, axis=-1)
    return steps[lengths >= SHORT_STEP * np.median(lengths)]


def action_cosines(data: HeldOut) -> np.ndarray:
    """[M, M] between the mean increments of the actions, but for the NOOP."""
    means = mean_increments(data, data.distinct_actions[data.distinct_actions.any(axis=-1)])
    unit = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T


def _displacement(data: HeldOut, span: int) -> Estimate:
    _, judge = halves(data.episodes)
    p, position = data.traces.p[judge], data.truth["position"][judge].astype(float)
    walked = position[:, span:] - position[:, : data.length - span]
    probed = _probe(data)(p[:, span:] - p[:, : data.length - span])
    errors, spread = np.square(probed - walked).sum(axis=(1, 2)), np.square(walked).sum(axis=(1, 2))
    return one_minus(ratio_of(errors, spread))


def _probe(data: HeldOut) -> LinearProbe:
    """From the change of p over a span to the displacement, fitted on many spans of the first half."""
    fit, _ = halves(data.episodes)
    p, position = data.traces.p[fit], data.truth["position"][fit].astype(float)
    spans = [span for span in (1, 2, 4, 8, 16, 32, data.length - 1) if span < data.length]
    changes = [(p[:, span:] - p[:, : data.length - span]).reshape(-1, p.shape[-1]) for span in spans]
    walked = [
        (position[:, span:] - position[:, : data.length - span]).reshape(-1, position.shape[-1]) for span in spans
    ]
    rows = [each.reshape(-1, position.shape[-1]) for each in walked]
    return LinearProbe(np.concatenate(changes), np.concatenate(rows))


def _kinds(data: HeldOut) -> tuple[np.ndarray, np.ndarray]:
    """[N, T-1] steps that were free, and those that a wall blocked; a NOOP is neither."""
    acts = data.actions[:, :-1].any(axis=-1)
    moved = (np.diff(data.truth["position"], axis=1) != 0).any(axis=-1)
    return acts & moved, acts & ~moved


def _lengths(data: HeldOut, these: np.ndarray, those: np.ndarray) -> Estimate:
    """Mean length of an increment in some steps over that in others; of episodes that have both."""
    lengths = np.linalg.norm(np.diff(data.traces.p, axis=1), axis=-1)
    both = these.any(axis=1) & those.any(axis=1)
    mean = [(lengths * mask).sum(axis=1)[both] / mask.sum(axis=1)[both] for mask in (these, those)]
    return ratio_of(*mean)
