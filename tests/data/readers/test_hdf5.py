"""HDF5 as robomimic, diffusion policies, world models and others lay it out, and files that are damaged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from jepa_world_model.data.spec import ActionKind
from tests.data.readers.conftest import SIZE, Walk, assert_holds, opened, refused

Layout = Callable[[Path, list[Walk]], None]


def robomimic(folder: Path, walks: list[Walk]) -> None:
    with h5py.File(folder / "low_dim.hdf5", "w") as file:
        for number, each in enumerate(walks):
            demo = file.create_group(f"data/demo_{number}")
            demo["actions"] = each.actions
            demo["obs/agentview_image"] = each.frames
            demo["next_obs/agentview_image"] = each.frames
            demo["obs/robot0_eef_pos"] = each.state
            demo["dones"] = np.ones(len(each.frames), dtype=int)  # of success, at several frames
            demo["states"] = each.state
        file["mask/train"] = np.array([b"demo_0", b"demo_1"])


def diffusion_policy(folder: Path, walks: list[Walk]) -> None:
    with h5py.File(folder / "replay.h5", "w") as file:
        file["data/img"] = np.concatenate([each.frames for each in walks])
        file["data/action"] = np.concatenate([each.actions for each in walks])
        file["data/state"] = np.concatenate([each.state for each in walks])
        file["meta/episode_ends"] = np.cumsum([len(each.frames) for each in walks])


def stable_worldmodel(folder: Path, walks: list[Walk]) -> None:
    lengths = [len(each.frames) for each in walks]
    with h5py.File(folder / "expert.h5", "w") as file:
        file.create_dataset("pixels", data=np.concatenate([each.frames for each in walks]), compression="gzip")
        file["action"] = np.concatenate([each.actions for each in walks])
        file["proprio"] = np.concatenate([each.state for each in walks])
        file["ep_len"], file["ep_offset"] = lengths, np.cumsum([0, *lengths[:-1]])
        file["ep_idx"] = np.repeat(range(len(walks)), lengths)
        file["step_idx"] = np.concatenate([np.arange(length) for length in lengths])


def flat_with_terminals(folder: Path, walks: list[Walk]) -> None:
    over = np.concatenate([np.arange(len(each.frames)) == len(each.frames) - 1 for each in walks])
    with h5py.File(folder / "replay.hdf5", "w") as file:
        file["observations"] = np.concatenate([each.frames for each in walks])
        file["actions"] = np.concatenate([each.actions for each in walks])
        file["terminals"], file["timeouts"] = over & False, over


def file_each(folder: Path, walks: list[Walk]) -> None:
    for number, each in enumerate(walks):
        with h5py.File(folder / f"episode_{number + 9}.hdf5", "w") as file:  # episode_10 after episode_9
            file["observations/images/cam_high"] = each.frames
            file["observations/qpos"] = each.state
            file["action"] = each.actions


def channels_first_one_action_less(folder: Path, walks: list[Walk]) -> None:
    with h5py.File(folder / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            file[f"trajectories/{number}/pixels"] = np.moveaxis(each.frames, -1, 1)
            file[f"trajectories/{number}/act"] = each.actions[:-1]


def encoded(folder: Path, walks: list[Walk]) -> None:
    from io import BytesIO

    with h5py.File(folder / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            group = file.create_group(f"ep_{number}")
            rows = group.create_dataset("image", len(each.frames), dtype=h5py.vlen_dtype(np.uint8))
            for time, frame in enumerate(each.frames):
                content = BytesIO()
                Image.fromarray(frame).save(content, format="png")
                rows[time] = np.frombuffer(content.getvalue(), dtype=np.uint8)
            group["actions"] = each.actions


def of_zero_to_one(folder: Path, walks: list[Walk]) -> None:
    with h5py.File(folder / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            file[f"demo_{number}/observation/rgb"] = (each.frames / 255).astype(np.float32)
            file[f"demo_{number}/action"] = each.actions


def nested_actions(folder: Path, walks: list[Walk]) -> None:
    with h5py.File(folder / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            file[f"demo_{number}/obs/rgb"] = each.frames
            file[f"demo_{number}/action/arm"] = each.actions[:, :1]
            file[f"demo_{number}/action/gripper"] = each.actions[:, 1]


LAYOUTS: list[Layout] = [
    robomimic,
    diffusion_policy,
    stable_worldmodel,
    flat_with_terminals,
    file_each,
    channels_first_one_action_less,
    encoded,
    of_zero_to_one,
    nested_actions,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path: Path, walks: list[Walk], layout: Layout) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    layout(folder, walks)
    assert_holds(opened(folder), walks, last_action=layout is not channels_first_one_action_less)


def test_a_single_file_and_what_it_keeps_as_truth(tmp_path: Path, walks: list[Walk]) -> None:
    robomimic(tmp_path, walks)
    source = opened(tmp_path / "low_dim.hdf5")
    assert source.name == "low_dim"
    assert sorted(source[1].truth) == ["dones", "robot0_eef_pos", "states"]
    assert np.array_equal(source[1].truth["robot0_eef_pos"], walks[1].state)
    assert source.spec.action_names == ("action_0", "action_1")


def test_sets_that_are_nested_keep_the_names_of_their_actions(tmp_path: Path, walks: list[Walk]) -> None:
    nested_actions(tmp_path, walks)
    assert opened(tmp_path / "set.h5").spec.action_names == ("arm", "gripper")


def test_choices_become_one_hot_of_the_same_width_everywhere(tmp_path: Path, walks: list[Walk]) -> None:
    with h5py.File(tmp_path / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            file[f"demo_{number}/obs"] = each.frames
            file[f"demo_{number}/actions"] = np.arange(len(each.frames))
    source = opened(tmp_path / "set.h5")
    assert source.spec.action_kind is ActionKind.ONE_HOT
    assert [np.array_equal(source[i].actions, np.eye(7)[: len(walks[i].frames)]) for i in range(3)] == [True] * 3


def test_several_cameras(tmp_path: Path, walks: list[Walk]) -> None:
    with h5py.File(tmp_path / "set.h5", "w") as file:
        for number, each in enumerate(walks):
            file[f"demo_{number}/obs/wrist"] = each.frames[..., :1]
            file[f"demo_{number}/obs/front"] = each.frames
            file[f"demo_{number}/actions"] = each.actions
    first = opened(tmp_path / "set.h5")
    assert_holds(first, walks)
    assert any("front, wrist" in note and "data.cameras" in note for note in first.notes)
    both = opened(tmp_path / "set.h5", cameras=("front", "wrist"))
    assert both.spec.channels == 4
    assert np.array_equal(both[1].frames[..., :3], walks[1].frames)
    assert np.array_equal(both[1].frames[..., 3], walks[1].frames[..., 0])
    refused(tmp_path / "set.h5", "frnt", "did you mean 'front'", cameras=("frnt",))


@pytest.mark.parametrize(
    ("fit", "filled_rows"), [("letterbox", range(4, 12)), ("crop", range(16)), ("stretch", range(16))]
)
def test_pictures_that_are_not_square(tmp_path: Path, fit: str, filled_rows: range) -> None:
    picture = np.zeros((3, 32, 64, 3), dtype=np.uint8)
    picture[:, :, :16] = 80  # the left quarter, which a crop loses
    picture[:, :, 16:] = 240
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["pixels"], file["action"] = picture, np.ones((3, 1))
    source = opened(tmp_path / "set.h5", fit=fit)
    frame = source[0].frames[0]
    assert np.flatnonzero(frame.any(axis=(1, 2))).tolist() == list(filled_rows)
    assert (frame[8, 0, 0], frame[8, 15, 0]) == (240 if fit == "crop" else 80, 240)
    assert any("32 x 64" in note and f"data.fit = {fit}" in note for note in source.notes)
    assert source.info.origin["fit"] == fit


@pytest.mark.parametrize(
    ("dtype", "high"), [("uint16", 65535), ("float64", 1.0), ("float32", 255.0), ("int64", 255), ("bool", True)]
)
def test_pixels_of_any_type(tmp_path: Path, dtype: str, high: float) -> None:
    picture = np.zeros((3, SIZE, SIZE, 3), dtype=dtype)
    picture[:, 8:] = high
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["pixels"], file["action"] = picture, np.ones((3, 1))
    frames = opened(tmp_path / "set.h5")[0].frames
    assert sorted(np.unique(frames)) == [0, 255]
    assert (frames[:, 8:] == 255).all()


def test_links_that_lead_elsewhere_are_not_followed(tmp_path: Path, walks: list[Walk]) -> None:
    robomimic(tmp_path, walks)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["actions"] = h5py.ExternalLink("low_dim.hdf5", "data/demo_0/actions")
        file["obs"] = h5py.ExternalLink("low_dim.hdf5", "data/demo_0/obs/agentview_image")
    refused(tmp_path / "other.h5", "other.h5", "found none")


def broken(file: h5py.File, walks: list[Walk], case: str) -> None:
    """A set of which demo_1 is at fault."""
    for number, each in enumerate(walks):
        group = file.create_group(f"data/demo_{number}")
        frames: Any = each.frames
        actions: Any = each.actions
        if number == 1:
            frames, actions = BROKEN[case][0](frames, actions)
        for name, values in (("obs/image", frames), ("actions", actions)):
            if isinstance(values, tuple):
                group.create_dataset(name, shape=values, dtype=np.uint8 if name == "obs/image" else float, chunks=True)
            elif values is not None:
                group[name] = values


def marked(array: np.ndarray, value: float, *place: int) -> np.ndarray:
    array = array.astype(np.float64) if np.isnan(value) else array.copy()
    array[place] = value
    return array


BROKEN: dict[str, tuple[Callable[[Any, Any], tuple[Any, Any]], tuple[str, ...]]] = {
    "no actions": (lambda f, a: (f, None), ("demo_1", "no actions")),
    "no pictures": (lambda f, a: (None, a), ("demo_1", "no pictures")),
    "too few actions": (lambda f, a: (f, a[:3]), ("demo_1", "expected 7 actions", "found 3")),
    "actions of another width": (lambda f, a: (f, a[:, :1]), ("demo_1", "(2,)", "(1,)")),
    "actions are words": (lambda f, a: (f, np.array([b"up"] * len(a))), ("demo_1", "demo_0")),
    "a NaN among actions": (lambda f, a: (f, marked(a, np.nan, 4, 1)), ("demo_1", "row 4", "column 1", "nan")),
    "an infinite action": (lambda f, a: (f, marked(a, np.inf, 2, 0)), ("demo_1", "row 2", "column 0", "inf")),
    "no frames": (lambda f, a: (f[:0], a[:0]), ("demo_1", "found none")),
    "pictures of other channels": (lambda f, a: (f[..., :1], a), ("demo_1", "3 channels", "found 1")),
    "a NaN among pixels": (lambda f, a: (marked(f, np.nan, 3, 0, 0, 0), a), ("demo_1", "frame 3", "nan")),
    "claims a million million frames": (
        lambda f, a: ((10**12, 64, 64, 3), (10**12, 2)),
        ("demo_1", "claims", "1000000000000"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_sets(tmp_path: Path, walks: list[Walk], case: str, nothing_left: Callable[[], None]) -> None:
    with h5py.File(tmp_path / "set.h5", "w") as file:
        broken(file, walks, case)
    refused(tmp_path / "set.h5", str(tmp_path / "set.h5"), *BROKEN[case][1])
    nothing_left()


def test_files_that_are_cut_or_something_else(
    tmp_path: Path, walks: list[Walk], nothing_left: Callable[[], None]
) -> None:
    robomimic(tmp_path, walks)
    path = tmp_path / "low_dim.hdf5"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"", b"something else", whole[:8] + bytes(2000)):
        path.write_bytes(content)
        refused(path, str(path), "expected HDF5", "write it again")
    nothing_left()


def test_a_missing_package_names_what_to_install(
    tmp_path: Path, walks: list[Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    robomimic(tmp_path, walks)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    from jepa_world_model.data.readers.hdf5_file import _opened

    _opened.cache_clear()
    refused(tmp_path, "h5py", "pip install '.[data]'")
