"""h, the dynamics state: how far ahead can the model imagine?"""

from __future__ import annotations

from functools import partial

import numpy as np

from jepa_world_model.evaluation.estimate import Estimate, mean_of, one_minus, ratio_of
from jepa_world_model.evaluation.figure import figure
from jepa_world_model.evaluation.held_out import HeldOut
from jepa_world_model.evaluation.linear_probe import halves
from jepa_world_model.evaluation.needs import CELLS, CHOICES, ONE_CHOICE, QUANTITIES
from jepa_world_model.evaluation.rollouts import DEPTH, WARM_UP


def error_of_decoded(data: HeldOut, k: int) -> Estimate:
    """Squared error of the decoded imagination k steps ahead, as a share of that of copying the last frame seen."""
    return _decoded(data, k, data.rollouts.z[:, k - 1])


def error_of_teacher_forced(data: HeldOut, k: int) -> Estimate:
    """The same frames, predicted one step ahead from what was really seen."""
    rollouts = data.rollouts
    before = rollouts.start + k - 1
    z, _ = data.subject.predict(
        data.traces.z[rollouts.episode, before],
        data.traces.h[rollouts.episode, before],
        data.actions[rollouts.episode, before],
    )
    return _decoded(data, k, z)


def error_of_floor(data: HeldOut, k: int) -> Estimate:
    """The same frames, encoded and decoded: no imagination can be better."""
    rollouts = data.rollouts
    return _decoded(data, k, data.traces.z[rollouts.episode, rollouts.start + k])


def error_of_z(data: HeldOut, k: int) -> Estimate:
    """Squared error of the imagined z k steps ahead, as a share of that of keeping the last z."""
    rollouts = data.rollouts
    truth = data.traces.z[rollouts.episode, rollouts.start + k]
    kept = data.traces.z[rollouts.episode, rollouts.start]
    return _shares(data, np.square(rollouts.z[:, k - 1] - truth).sum(-1), np.square(kept - truth).sum(-1))


def imagined_cell(data: HeldOut, k: int) -> Estimate:
    """Share of rollouts whose z, k steps ahead, has a nearest neighbour at the true position. Neighbours are frames of
    the first half of the episodes, rollouts of the second."""
    rollouts, (_, judge) = data.rollouts, halves(data.episodes)
    asked = rollouts.episode >= judge.start
    episode, start = rollouts.episode[asked], rollouts.start[asked]
    return _right_places(data, rollouts.z[asked, k - 1], episode, start + k)


def _decoded(data: HeldOut, k: int, z: np.ndarray) -> Estimate:
    rollouts = data.rollouts
    truth = data.frames[rollouts.episode, rollouts.start + k] / 255.0
    kept = data.frames[rollouts.episode, rollouts.start] / 255.0
    error = np.square(data.subject.decode(z) - truth).reshape(len(z), -1).sum(-1)
    return _shares(data, error, np.square(kept - truth).reshape(len(z), -1).sum(-1))


def _shares(data: HeldOut, errors: np.ndarray, copied: np.ndarray) -> Estimate:
    episode = data.rollouts.episode
    return ratio_of(
        np.bincount(episode, errors, minlength=data.episodes), np.bincount(episode, copied, minlength=data.episodes)
    )


def _right_places(data: HeldOut, z: np.ndarray, episode: np.ndarray, step: np.ndarray) -> Estimate:
    """Whether each z [M, Dz] is nearest to a frame at the position of its episode and step [M]."""
    fit, _ = halves(data.episodes)
    bank = data.traces.z[fit].reshape(-1, data.traces.z.shape[-1])
    places = data.truth["position"][fit].reshape(len(bank), -1)
    nearest = (np.square(bank).sum(-1) - 2 * z @ bank.T).argmin(axis=1)
    right = (places[nearest] == data.truth["position"][episode, step]).all(axis=-1)
    return mean_of(np.array([right[episode == number].mean() for number in np.unique(episode)]))


@figure("h", target=0.12, at_most=True, frames=DEPTH + WARM_UP + 1)
def decoded_error_at_8(data: HeldOut) -> Estimate:
    """Squared error of the decoded imagination 8 steps ahead, as a share of that of copying the last frame seen."""
    return error_of_decoded(data, 8)


@figure("h", frames=DEPTH + WARM_UP + 1)
def decoded_error_floor_at_8(data: HeldOut) -> Estimate:
    """The same frames encoded and decoded, without any imagination: what encoder and decoder alone reach."""
    return error_of_floor(data, 8)


@figure("h", target=0.99, needs=(CELLS,), frames=DEPTH + WARM_UP + 1)
def imagined_cell_at_16(data: HeldOut) -> Estimate:
    """Share of rollouts whose imagined z, 16 steps ahead, is nearest to a frame at the true position."""
    return imagined_cell(data, 16)


@figure("h", needs=(CELLS, CHOICES))
def blocked_moves(data: HeldOut) -> Estimate:
    """Share of moves into a wall whose predicted z, one step ahead, is nearest to a frame at the same position."""
    _, judge = halves(data.episodes)
    still = (np.diff(data.truth["position"], axis=1) == 0).all(axis=-1) & data.actions[:, :-1].any(axis=-1)
    episode, step = np.nonzero(still[judge])
    episode += judge.start
    if not len(episode):
        return Estimate.exact(float("nan"), 0)
    z, _ = data.subject.predict(data.traces.z[episode, step], data.traces.h[episode, step], data.actions[episode, step])
    return _right_places(data, z, episode, step + 1)


@figure("h", needs=(ONE_CHOICE,))
def action_readout(data: HeldOut) -> Estimate:
    """Share of actions that the model's own head reads correctly from two successive h. For one choice at a time."""
    h, columns = data.traces.h, data.actions.shape[-1]
    scores = data.subject.read_action(h[:, :-1].reshape(-1, h.shape[-1]), h[:, 1:].reshape(-1, h.shape[-1]))
    scores = np.concatenate([scores, np.zeros((len(scores), 1))], axis=1).reshape(data.episodes, -1, columns + 1)
    taken = data.actions[:, :-1]
    wanted = np.where(taken.any(axis=-1), taken.argmax(axis=-1), columns)
    return mean_of((scores.argmax(axis=-1) == wanted).mean(axis=1))


@figure("h", needs=(QUANTITIES,))
def action_estimate(data: HeldOut) -> Estimate:
    """R2 of the actions that the model's own head reads from two successive h, each column by its own spread."""
    h, taken = data.traces.h, data.actions[:, :-1]
    read = data.subject.read_action(h[:, :-1].reshape(-1, h.shape[-1]), h[:, 1:].reshape(-1, h.shape[-1]))
    mean, spread = taken.mean(axis=(0, 1)), taken.std(axis=(0, 1))
    moves = spread > 0
    errors = np.square((read.reshape(taken.shape) - taken)[..., moves] / spread[moves]).sum(axis=(1, 2))
    return one_minus(ratio_of(errors, np.square((taken - mean)[..., moves] / spread[moves]).sum(axis=(1, 2))))


CURVES = {
    "decoded imagination": error_of_decoded,
    "teacher forced": error_of_teacher_forced,
    "encoder and decoder alone": error_of_floor,
    "imagined z": error_of_z,
}
"""Each a function of held-out data and k, for the curves of a report."""


def curve(data: HeldOut, name: str, depths: range = range(1, DEPTH + 1)) -> list[Estimate]:
    """One of `CURVES` at each depth."""
    return [partial(CURVES[name], data)(k) for k in depths]
