"""Data of users: what each figure needs of truth and actions, and that none is measured on what means nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jepa_world_model.data.episodes import Episode, EpisodeList
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.figure import measure_figures
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.subject import EvaluatedModel

SIZE, WIDTH = 4, 3
PLACES = ("recall_at_1_place", "average_precision_place", "blocked_moves", "blocked_increment")
CHOSEN = ("action_in_z", "action_readout", "largest_cosine_of_actions", "cosine_of_opposites", "still_increment")


class Random(EvaluatedModel):
    """Every state is noise, and the first state of a frame is its brightness."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def embed(self, frames: np.ndarray) -> np.ndarray:
        return np.concatenate([frames.mean(axis=(1, 2)), self._noise(len(frames))], axis=1)

    def begin(self, z: np.ndarray) -> np.ndarray:
        return self._noise(len(z))

    def predict(self, z: np.ndarray, h: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._noise(len(z), z.shape[1]), actions.copy()

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self._noise(len(z), SIZE * SIZE * 1).reshape(-1, SIZE, SIZE, 1)

    def move(self, p: np.ndarray, h: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return self._noise(len(p))

    def origin(self, count: int) -> np.ndarray:
        return np.zeros((count, WIDTH), dtype=np.float32)

    def place_pose(self, z: np.ndarray) -> np.ndarray | None:
        return None

    def read_action(self, h: np.ndarray, following: np.ndarray) -> np.ndarray:
        """h is the action that led to it."""
        return following

    def _noise(self, rows: int, width: int = WIDTH) -> np.ndarray:
        return self._rng.normal(size=(rows, width)).astype(np.float32)


def recorded(actions: Any, truth: Any = lambda length: {}, lengths: tuple[int, ...] = (12,) * 6) -> EpisodeList:
    rng = np.random.default_rng(1)
    spec = DataSpec(SIZE, 1, WIDTH, ActionKind.REAL)
    return EpisodeList(
        "recorded",
        spec,
        [
            Episode(
                rng.integers(0, 255, (length, SIZE, SIZE, 1), dtype=np.uint8),
                np.asarray(actions(rng, length), dtype=np.float32),
                truth(length),
            )
            for length in lengths
        ],
    )


def real(rng: np.random.Generator, length: int) -> np.ndarray:
    return rng.normal(size=(length, WIDTH)) * [1, 1000, 0]


def one_hot(rng: np.random.Generator, length: int) -> np.ndarray:
    return np.eye(WIDTH + 1, WIDTH)[rng.integers(WIDTH + 1, size=length)]


def none(rng: np.random.Generator, length: int) -> np.ndarray:
    return np.zeros((length, WIDTH))


def measured(source: EpisodeList) -> tuple[dict[str, float], dict[str, str]]:
    found = list(measure_figures(whole(source)))
    values = {one.figure.name: one.estimate.value for one in found if one.estimate}
    return values, {one.figure.name: one.missing for one in found if one.missing}


def whole(source: EpisodeList) -> HeldOut:
    return held_out(Random(), source, range(len(source)), length=64)


def test_real_actions_are_estimated_and_never_compared_as_choices() -> None:
    values, missing = measured(recorded(real))
    assert values["action_estimate"] == pytest.approx(1), "of the columns that vary, each by its own spread"
    assert all("real" in missing[name] for name in CHOSEN)


def test_choices_are_read_and_never_estimated() -> None:
    values, missing = measured(recorded(one_hot))
    assert all(np.isfinite(values[name]) for name in CHOSEN)
    assert values["action_readout"] > 0.7
    assert "0 and 1" in missing["action_estimate"]


def test_data_without_any_action_is_measured() -> None:
    _, missing = measured(recorded(none))
    assert "two different actions" in missing["largest_cosine_of_actions"]


@pytest.mark.parametrize(
    ("position", "places", "probed"),
    [
        (lambda length: np.arange(3 * length).reshape(length, 3) % 4, True, True),
        (lambda length: np.random.default_rng(0).normal(size=(length, 3)), False, True),
        (lambda length: np.full((length, 2), np.nan), False, False),
        (lambda length: np.arange(length), False, False),
        (lambda length: np.array([["here"]] * length), False, False),
    ],
    ids=["cells in space", "real numbers", "nan", "no row", "words"],
)
def test_a_position_is_used_for_what_it_can_tell(position: Any, places: bool, probed: bool) -> None:
    values, _ = measured(recorded(one_hot, lambda length: {"position": position(length)}))
    assert [name in values for name in PLACES] == [places] * len(PLACES)
    assert ("position_in_z" in values, "displacement_over_8" in values, "drift" in values) == (probed,) * 3


@pytest.mark.parametrize(
    ("lengths", "episodes", "frames"),
    [
        ((12,) * 6, 6, 12),
        ((100, 64, 90, 80), 4, 64),
        ((10, 11, 12, 13), 4, 10),
        ((60, 60, 60, 60, 10, 10), 4, 60),
        ((40, 39, 38, 37, 36, 35), 6, 35),
        ((64,) * 4 + (20,) * 40, 44, 20),
        ((5,) * 50 + (30,) * 4, 4, 30),
    ],
)
def test_episodes_of_all_lengths(lengths: tuple[int, ...], episodes: int, frames: int) -> None:
    found = whole(recorded(real, lengths=lengths))
    assert (found.episodes, found.length) == (episodes, frames)


def test_too_few_long_ones_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="found 3 among 5, the longest of 30") as refusal:
        whole(recorded(real, lengths=(30, 30, 10, 9, 2)))
    assert "data.validation_fraction" in str(refusal.value)
