"""The evaluator on models with known answers: it must be able to fail."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from jepa_world_model.data.grid_world import generate
from jepa_world_model.evaluation import figures
from jepa_world_model.evaluation.estimate import Estimate, mean_of, ratio_of, share_of
from jepa_world_model.evaluation.figure import FIGURES, figure, measure_figures
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.subject import EvaluatedModel
from jepa_world_model.worlds.grid import GridWorld
from tests.evaluation.oracle import BlindSubject, DeafSubject, OracleSubject, StillSubject

EPISODES, LENGTH = 32, 64


@pytest.fixture(scope="module")
def world() -> GridWorld:
    return GridWorld("grid-rooms")


@pytest.fixture(scope="module")
def oracle(world: GridWorld) -> OracleSubject:
    return OracleSubject(world)


def data_of(subject: EvaluatedModel, **changes: object) -> HeldOut:
    source = generate("grid-rooms", EPISODES, LENGTH, seed=11)
    return replace(held_out(subject, source, range(EPISODES), length=LENGTH), **changes)


def measured(data: HeldOut, *names: str) -> dict[str, float]:
    chosen = [FIGURES[name] for name in names] if names else list(FIGURES.values())
    found = {one.figure.name: one.estimate for one in measure_figures(data, chosen)}
    return {name: estimate.value for name, estimate in found.items() if estimate}


@pytest.mark.slow
def test_an_oracle_meets_every_target(oracle: OracleSubject) -> None:
    assert figures
    found = measured(data_of(oracle))
    assert set(FIGURES) - set(found) == {"action_estimate"}, "which is for real actions"
    missed = {name: value for name, value in found.items() if FIGURES[name].met(Estimate.exact(value, 1)) is False}
    assert not missed
    perfect = ("recall_at_1_place", "imagined_cell_at_16", "action_readout", "displacement_over_64", "blocked_moves")
    assert [round(found[name], 4) for name in perfect] == [1.0] * len(perfect)
    errors = ("decoded_error_at_8", "key_error", "sprite_error", "blocked_increment", "still_increment", "drift")
    assert all(abs(found[name]) < 1e-3 for name in errors), found
    assert found["cosine_of_opposites"] == pytest.approx(-1)


@pytest.mark.slow
def test_a_model_that_ignores_actions_is_found_out(world: GridWorld) -> None:
    found = measured(data_of(DeafSubject(world)))
    assert found["decoded_error_at_8"] > 0.5
    assert found["imagined_cell_at_16"] < 0.3
    assert found["largest_cosine_of_actions"] > 0.9
    assert found["displacement_over_64"] < 0.5
    assert found["recall_at_1_place"] == pytest.approx(1)  # what it sees, it still knows


@pytest.mark.slow
def test_a_pose_that_never_moves_is_found_out(world: GridWorld) -> None:
    found = measured(data_of(StillSubject(world)))
    assert found["displacement_over_8"] <= 0.01
    assert found["displacement_over_64"] <= 0.01
    assert found["ranking"] == 0
    assert not FIGURES["cosine_of_opposites"].met(Estimate.exact(found["cosine_of_opposites"], 1))


@pytest.mark.slow
def test_an_embedding_without_a_place_is_found_out(world: GridWorld) -> None:
    found = measured(data_of(BlindSubject(world)))
    assert found["recall_at_1_place"] < 0.1
    assert found["position_in_z"] < 0.2
    assert found["imagined_cell_at_16"] < 0.1


@pytest.mark.slow
def test_frames_of_another_order_are_found_out(oracle: OracleSubject) -> None:
    data = data_of(oracle)
    order = np.random.default_rng(0).permutation(LENGTH)
    found = measured(replace(data, frames=data.frames[:, order]))
    assert found["decoded_error_at_8"] > 0.5
    assert found["recall_at_1_place"] < 0.5


def test_what_the_truth_lacks_is_named_and_nothing_else_is_lost(oracle: OracleSubject) -> None:
    data = data_of(oracle, truth={})
    found = {one.figure.name: one for one in measure_figures(data)}
    assert found["position_in_z"].estimate is None
    assert "position" in found["position_in_z"].missing
    measurable = {name for name, one in FIGURES.items() if set(one.needs) <= {"choices", "one choice", "moves"}}
    assert {name for name, one in found.items() if one.estimate} == measurable


def test_short_trajectories_name_the_length_that_is_needed(oracle: OracleSubject) -> None:
    source = generate("grid-rooms", 6, 16, seed=3)
    found = {one.figure.name: one for one in measure_figures(held_out(oracle, source, range(6), length=64))}
    assert found["displacement_over_64"].missing == "needs trajectories of 64 frames, the data has 16"


def test_a_figure_is_declared_once() -> None:
    with pytest.raises(ValueError, match="two figures are called 'drift'"):
        figure("p")(FIGURES["drift"].function)


def test_intervals_hold_the_value_and_grow_with_doubt() -> None:
    sure, unsure = share_of(99, 100), share_of(9, 10)
    assert sure.low < 0.99 < sure.high
    assert unsure.high - unsure.low > sure.high - sure.low
    assert share_of(0, 20).high > 0.05
    values = np.random.default_rng(0).normal(3, 1, size=40)
    assert mean_of(values).low < 3 < mean_of(values).high
    assert mean_of(np.array([1.0, nan, 3.0])).value == 2
    assert ratio_of(np.array([1.0, 3.0]), np.array([2.0, 2.0])).value == 1
    assert np.isnan(ratio_of(np.zeros(3), np.zeros(3)).value)
