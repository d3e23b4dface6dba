import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_world_model.data.episodes import split_episodes
from jepa_world_model.errors import UserError

fractions = st.floats(0.001, 0.999)


@given(count=st.integers(2, 200), fraction=fractions, seed=st.integers(0, 100))
def test_split_is_a_partition_with_both_sides_filled(count: int, fraction: float, seed: int) -> None:
    train, validation = split_episodes(range(count), fraction, seed)
    assert sorted([*train, *validation]) == list(range(count))
    assert len(train) >= 1
    assert len(validation) >= 1
    assert abs(len(validation) - count * fraction) <= 1


def test_split_depends_on_the_seed_only() -> None:
    first, again, other = (split_episodes(range(50), 0.2, seed)[1] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_fraction_zero_keeps_everything_for_training() -> None:
    train, validation = split_episodes(range(1), 0, seed=0)
    assert list(train) == [0]
    assert len(validation) == 0


def test_one_episode_cannot_be_split() -> None:
    with pytest.raises(UserError, match=r"needs 2 trajectories, found 1.*data\.validation_fraction=0"):
        split_episodes(range(1), 0.1, seed=0)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(UserError, match=r"validation_fraction.*\[0, 1\)"):
        split_episodes(range(5), fraction, seed=0)
