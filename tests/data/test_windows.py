from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import EpisodeList, split_episodes
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.data.windows import Batch, WindowSampler
from jepa_world_model.errors import UserError

Marked = Callable[[list[int]], EpisodeList]


def identities(batch: Batch) -> np.ndarray:
    """Return (episode, time) [B, T, 2] read off the pixels, after checking that the whole frame agrees."""
    frames = batch.frames.numpy()[..., :2]
    assert (frames == frames[:, :, :1, :1]).all()
    return frames[:, :, 0, 0].astype(int)


def test_windows_are_true_contiguous_slices(marked: Marked) -> None:
    source = marked([9, 5, 7, 4])
    sampler = WindowSampler(source, np.arange(4), batch_size=64, sequence_length=4, seed=0)
    batch = sampler.batch(0)
    who = identities(batch)
    assert batch.frames.shape == (64, 4, 4, 4, 3)
    assert (who[..., 0] == who[:, :1, 0]).all(), "a window mixes episodes"
    assert (np.diff(who[..., 1], axis=1) == 1).all(), "a window skips frames"
    assert np.array_equal(batch.actions.numpy(), who), "actions and frames are out of step"


def test_every_window_is_equally_likely(marked: Marked) -> None:
    lengths = [9, 5, 3]  # 6, 2 and no windows of 4 frames
    sampler = WindowSampler(marked(lengths), np.arange(3), batch_size=8000, sequence_length=4, seed=0)
    counts = Counter(map(tuple, identities(sampler.batch(0))[:, 0].tolist()))
    assert set(counts) == {(0, start) for start in range(6)} | {(1, 0), (1, 1)}
    assert all(abs(count - 1000) < 150 for count in counts.values())  # five standard deviations


def test_no_trajectory_leaks_across_the_split(marked: Marked) -> None:
    source = marked([6, 8, 10, 7, 9, 6, 8])
    seen = []
    for indices in split_episodes(source, 0.3, seed=1):
        sampler = WindowSampler(source, indices, batch_size=50, sequence_length=3, seed=0)
        sampled = {int(episode) for step in range(10) for episode in identities(sampler.batch(step))[..., 0].ravel()}
        assert sampled == set(indices.tolist())
        seen.append(sampled)
    assert not seen[0] & seen[1]


def test_a_batch_depends_on_seed_and_step_only(marked: Marked) -> None:
    def draw(seed: int, step: int, steps_before: int = 0) -> np.ndarray:
        sampler = WindowSampler(marked([40, 40]), np.arange(2), batch_size=16, sequence_length=3, seed=seed)
        for earlier in range(steps_before):
            sampler.batch(earlier)
        return identities(sampler.batch(step))

    assert np.array_equal(draw(0, 5), draw(0, 5, steps_before=5))
    assert not np.array_equal(draw(0, 5), draw(0, 6))
    assert not np.array_equal(draw(0, 5), draw(1, 5))


@pytest.mark.parametrize(("asked", "expected"), [(1000, 8), (8, 8), (5, 5), (1, 1)])
def test_sequential_windows_are_fixed_and_spread_over_all(marked: Marked, asked: int, expected: int) -> None:
    sampler = WindowSampler(marked([9, 5]), np.arange(2), batch_size=3, sequence_length=4, seed=0)
    batches = [identities(batch)[:, 0].tolist() for batch in sampler.sequential(asked)]
    windows = [tuple(window) for batch in batches for window in batch]
    assert max(map(len, batches)) <= 3
    assert len(windows) == len(set(windows)) == expected
    assert windows == sorted(windows)
    assert windows[0] == (0, 0)
    assert expected == 1 or windows[-1] == (1, 1)


def test_too_short_episodes_name_the_longest_and_the_remedy(marked: Marked) -> None:
    with pytest.raises(UserError, match=r"16 frames.*longest has 9.*--set train\.sequence_length=9"):
        WindowSampler(marked([9, 5]), np.arange(2), batch_size=3, sequence_length=16, seed=0)


def test_windows_of_a_folder_equal_windows_in_memory(marked: Marked, tmp_path: Path) -> None:
    source = marked([9, 12, 5])
    with EpisodeWriter(tmp_path / "set", action_kind=ActionKind.REAL) as writer:
        for index in range(3):
            writer.add(source[index])
    samplers = [
        WindowSampler(held, np.arange(3), batch_size=32, sequence_length=4, seed=0)
        for held in (source, EpisodeFolder(tmp_path / "set", max_open=1))
    ]
    in_memory, on_disk = (sampler.batch(0) for sampler in samplers)
    assert in_memory.frames.equal(on_disk.frames)
    assert in_memory.actions.equal(on_disk.actions)
