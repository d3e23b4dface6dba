"""Recording from Gymnasium: a toy environment for what must hold of all, and a few real ones."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.gym_collect import collect
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

gymnasium = pytest.importorskip("gymnasium")
spaces = gymnasium.spaces


class Counter(gymnasium.Env):
    """Shows in red the last action, in green the number of steps, in blue the seed. Ends after ``end`` steps."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, space: Any, end: int = 1000, draws: bool = True, render_mode: str | None = None) -> None:
        self.action_space, self.observation_space = space, spaces.Discrete(2)
        self.render_mode, self.end, self.draws = render_mode, end, draws

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self.picture = np.array([0, 0, seed])
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.picture = self.picture + np.array([0, 1, 0])
        self.picture[0] = action if np.isscalar(action) else 0
        return 0, 0.0, bool(self.picture[1] >= self.end), False, {}

    def render(self) -> Any:
        return np.full((40, 60, 3), self.picture, dtype=np.uint8) if self.draws else None


class Worded(Counter):
    def get_action_meanings(self) -> list[str]:
        return ["LEFT", "NOOP", "RIGHT"]


class Shaped(Counter):
    def __init__(self, space: Any, shape: tuple[int, ...], render_mode: str | None = None) -> None:
        super().__init__(space, render_mode=render_mode)
        self.shape = shape

    def render(self) -> Any:
        return np.full(self.shape, 77, dtype=np.uint8)


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    for name, maker in (("Counter-v0", Counter), ("Worded-v0", Worded), ("Shaped-v0", Shaped)):
        gymnasium.register(name, entry_point=maker, disable_env_checker=True)
    yield
    for name in ("Counter-v0", "Worded-v0", "Shaped-v0"):
        del gymnasium.registry[name]


def record(out: Path, space: Any, env_id: str = "Counter-v0", episodes: int = 2, **options: Any) -> EpisodeFolder:
    kwargs = {"space": space} | options.pop("env_kwargs", {})
    return collect(env_id, episodes, out / "set", size=8, env_kwargs=kwargs, **options)


def test_frames_actions_and_lengths_belong_together(tmp_path: Path) -> None:
    source = record(tmp_path, spaces.Discrete(5), max_steps=9, seed=3)
    assert source.lengths.tolist() == [10, 10]
    for index in range(2):
        frames, actions = source[index].frames, source[index].actions
        assert (frames[..., 2] == 3 + index).all(), "episode i is not reset with seed + i"
        assert frames[:, 0, 0, 1].tolist() == list(range(10))
        assert actions[:-1].argmax(axis=1).tolist() == frames[1:, 0, 0, 0].tolist(), "a_t does not lead to x_{t+1}"
        assert not actions[-1].any()


def test_an_episode_ends_where_the_environment_ends(tmp_path: Path) -> None:
    assert record(tmp_path, spaces.Discrete(2), env_kwargs={"end": 4}).lengths.tolist() == [5, 5]


def test_the_same_seed_records_the_same(tmp_path: Path) -> None:
    first, again, later = (
        record(tmp_path / name, spaces.Discrete(5), max_steps=30, seed=seed, sticky=0.5)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert np.array_equal(first[0].actions, again[0].actions)
    assert np.array_equal(first[1].actions, later[0].actions)
    assert not np.array_equal(first[0].actions, first[1].actions)


@pytest.mark.parametrize(("sticky", "low", "high"), [(0.0, 0.05, 0.16), (0.7, 0.66, 0.80), (1.0, 1.0, 1.0)])
def test_sticky_is_the_probability_of_repeating(tmp_path: Path, sticky: float, low: float, high: float) -> None:
    source = record(tmp_path, spaces.Discrete(10), episodes=1, max_steps=1000, sticky=sticky)
    choices = source[0].actions[:-1].argmax(axis=1)
    assert low <= (choices[1:] == choices[:-1]).mean() <= high


def test_noop_has_no_column(tmp_path: Path) -> None:
    source = record(tmp_path, spaces.Discrete(3), env_id="Worded-v0", episodes=1, max_steps=40)
    assert source.spec.action_names == ("LEFT", "RIGHT")
    rows = {0: [1, 0], 1: [0, 0], 2: [0, 1]}
    taken = source[0].frames[1:, 0, 0, 0].tolist()
    assert set(taken) == {0, 1, 2}
    assert source[0].actions[:-1].tolist() == [rows[choice] for choice in taken]


@pytest.mark.parametrize(
    ("space", "kind", "width"),
    [
        (spaces.Discrete(4, start=7), ActionKind.ONE_HOT, 4),
        (spaces.MultiBinary(6), ActionKind.MULTI_HOT, 6),
        (spaces.Box(-1, 1, (2, 3)), ActionKind.REAL, 6),
    ],
)
def test_spaces_and_their_kinds(tmp_path: Path, space: Any, kind: ActionKind, width: int) -> None:
    source = record(tmp_path, space, max_steps=20)
    assert source.spec.action_kind is kind
    assert source.spec.action_width == len(source.spec.action_names) == width
    assert source[0].actions[:-1].any(axis=0).all()


def test_the_origin_is_recorded(tmp_path: Path) -> None:
    record(tmp_path, spaces.Discrete(2), episodes=3, max_steps=2, seed=5)
    origin = json.loads((tmp_path / "set/dataset.json").read_text())["origin"]
    assert origin["env_id"] == "Counter-v0"
    assert origin["seeds"] == [5, 6, 7]
    assert origin["env_kwargs"] == {"space": "Discrete(2)"}
    assert origin["packages"]["gymnasium"] == gymnasium.__version__


def test_each_episode_is_announced(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    record(tmp_path, spaces.Discrete(2), max_steps=3, on_episode=lambda index, length: said.append((index, length)))
    assert said == [(0, 4), (1, 4)]


def refused(out: Path, pattern: str, env_id: str = "Counter-v0", **options: Any) -> None:
    with pytest.raises(UserError, match=pattern):
        collect(env_id, 1, out / "set", **options)
    assert not (out / "set").exists()


def test_other_spaces_name_the_supported_ones(tmp_path: Path) -> None:
    space = spaces.Text(3)
    refused(tmp_path, r"Text.*Discrete, MultiDiscrete, MultiBinary, Box", env_kwargs={"space": space})


NESTED = [
    (spaces.MultiDiscrete([2, 3]), ActionKind.MULTI_HOT, "action_0_0 action_0_1 action_1_0 action_1_1 action_1_2"),
    (
        spaces.Dict({"move": spaces.Discrete(3, start=-1), "aim": spaces.Box(-1, 1, (2,))}),
        ActionKind.REAL,
        "aim_0 aim_1 move_0 move_1 move_2",
    ),
    (
        spaces.Tuple([spaces.Discrete(2), spaces.Dict({"fire": spaces.MultiBinary(2)})]),
        ActionKind.MULTI_HOT,
        "action_0_0 action_0_1 fire_0 fire_1",
    ),
]


@pytest.mark.parametrize(("space", "kind", "names"), NESTED)
def test_spaces_of_spaces_become_columns_with_names(tmp_path: Path, space: Any, kind: ActionKind, names: str) -> None:
    folder = record(tmp_path, space, episodes=1, max_steps=6)
    assert folder.spec.action_kind is kind
    assert folder.spec.action_names == tuple(names.split())
    rows = folder[0].actions[:-1]
    choices = [column for column, name in enumerate(names.split()) if "aim" not in name and "fire" not in name]
    groups = {name.rpartition("_")[0] for name in np.array(names.split())[choices]}
    assert np.isin(rows[:, choices], (0, 1)).all()
    assert (rows[:, choices].sum(axis=1) == len(groups)).all()  # one of each group
    assert np.ptp(rows, axis=0).any()


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1), (40, 60, 4)])
def test_grey_pictures_and_pictures_with_opacity(tmp_path: Path, shape: tuple[int, ...]) -> None:
    folder = record(tmp_path, spaces.Discrete(2), "Shaped-v0", episodes=1, max_steps=3, env_kwargs={"shape": shape})
    assert folder[0].frames.shape == (4, 8, 8, 3)
    assert (folder[0].frames == 77).all()


def test_an_environment_that_draws_nothing(tmp_path: Path) -> None:
    kwargs = {"space": spaces.Discrete(2), "draws": False}
    refused(tmp_path, r"Counter-v0: expected an RGB image.*NoneType.*rgb_array", env_kwargs=kwargs)


def test_unknown_environment_suggests_the_nearest(tmp_path: Path) -> None:
    refused(tmp_path, "did you mean 'Counter-v0'", env_id="Conter-v0")


def test_wrong_arguments_name_the_environment(tmp_path: Path) -> None:
    refused(tmp_path, "Counter-v0 cannot be made.*colour", env_kwargs={"colour": 1})


def test_missing_gymnasium_says_how_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    refused(tmp_path, r"in the folder of this project: pip install '\.\[envs\]'")


@pytest.mark.parametrize("option", [{"size": 0}, {"max_steps": 0}, {"sticky": 1.5}])
def test_amounts_out_of_range_are_named(tmp_path: Path, option: dict[str, Any]) -> None:
    refused(tmp_path, next(iter(option)), **option)


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    record(tmp_path, spaces.Discrete(2), max_steps=2)
    with pytest.raises(UserError, match="new or empty folder"):
        record(tmp_path, spaces.Discrete(2), max_steps=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "package", "kind", "width"),
    [
        ("MiniGrid-FourRooms-v0", "minigrid", ActionKind.ONE_HOT, 7),
        ("ALE/MsPacman-v5", "ale_py", ActionKind.ONE_HOT, 8),
        ("CartPole-v1", "pygame", ActionKind.ONE_HOT, 2),
        ("Pendulum-v1", "pygame", ActionKind.REAL, 1),
    ],
)
def test_real_environments(tmp_path: Path, env_id: str, package: str, kind: ActionKind, width: int) -> None:
    pytest.importorskip(package)
    source = collect(env_id, 1, tmp_path / "set", max_steps=4)
    assert (source.spec.image_size, source.spec.action_kind, source.spec.action_width) == (64, kind, width)
    assert source[0].frames.std() > 5, "the frames are empty"
    assert len(np.unique(source[0].frames.reshape(-1, 3), axis=0)) > 3


def test_minigrid_names_its_actions_and_tells_the_place(tmp_path: Path) -> None:
    pytest.importorskip("minigrid")
    source = collect("MiniGrid-Empty-5x5-v0", 1, tmp_path / "set", max_steps=40, size=40)
    episode = source[0]
    assert source.spec.action_names[:3] == ("left", "right", "forward")
    positions = episode.truth["position"]
    assert len(np.unique(positions, axis=0)) > 1
    for frame, (row, column) in zip(episode.frames, positions, strict=True):  # cells of 8 pixels, a red agent
        red = frame[..., 0].astype(int) - frame[..., 1]
        assert tuple(np.array(np.unravel_index(red.argmax(), red.shape)) // 8) == (row, column)
