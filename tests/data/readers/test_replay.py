"""Replay buffers as Dreamer and others save them with numpy.savez."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from jepa_world_model.data.spec import ActionKind
from tests.data.readers.conftest import SIZE, Walk, assert_holds, opened, refused


def dreamer(folder: Path, walks: list[Walk]) -> None:
    """Action t led to frame t; the first one is zero."""
    folder.mkdir()
    for number, each in enumerate(walks):
        count = len(each.frames)
        np.savez_compressed(
            folder / f"20260101T00000{number}-abc-{count}.npz",
            image=each.frames,
            action=np.concatenate([np.zeros((1, 2), np.float32), each.actions[:-1]]),
            reward=np.arange(count, dtype=np.float32),
            is_first=np.arange(count) == 0,
            is_last=np.arange(count) == count - 1,
            is_terminal=np.zeros(count, bool),
            discount=np.ones(count, np.float32),
        )


def test_actions_stored_with_the_frame_that_they_led_to_are_moved(tmp_path: Path, walks: list[Walk]) -> None:
    dreamer(tmp_path / "set", walks)
    source = opened(tmp_path / "set")
    assert_holds(source, walks, last_action=False)
    assert any("first action" in note and "moved" in note for note in source.notes)
    assert source[1].truth["reward"].tolist() == list(range(7))


def test_actions_taken_at_their_frames_are_not(tmp_path: Path, walks: list[Walk]) -> None:
    (tmp_path / "set").mkdir()
    for number, each in enumerate(walks):
        np.savez(tmp_path / f"set/{number}.npz", image=each.frames, action=each.actions)
    assert_holds(opened(tmp_path / "set"), walks)


def test_episodes_on_end_in_one_file(tmp_path: Path, walks: list[Walk]) -> None:
    np.savez(
        tmp_path / "replay.npz",
        observations=np.concatenate([each.frames for each in walks]),
        actions=np.concatenate([each.actions for each in walks]),
        is_first=np.concatenate([np.arange(len(each.frames)) == 0 for each in walks]),
    )
    assert_holds(opened(tmp_path / "replay.npz"), walks)


def test_episodes_side_by_side(tmp_path: Path) -> None:
    frames = np.arange(2 * 3 * SIZE * SIZE * 3).reshape(2, 3, SIZE, SIZE, 3).astype(np.uint8)
    actions = np.arange(12).reshape(2, 3, 2) / 10
    np.savez(tmp_path / "sets.npz", obs=frames, actions=actions)
    source = opened(tmp_path / "sets.npz")
    assert source.lengths.tolist() == [3, 3]
    assert np.array_equal(source[1].frames, frames[1])
    assert np.allclose(source[1].actions, actions[1])


@pytest.mark.parametrize("first", [True, False])
def test_frame_stacks_become_channels(tmp_path: Path, first: bool) -> None:
    """[T, K, H, W] of grey pictures, or [T, K, H, W, C]."""
    stack = np.random.default_rng(0).integers(256, size=(5, 4, SIZE, SIZE), dtype=np.uint8)
    np.savez(tmp_path / "one.npz", obs=stack if first else stack[..., None], action=np.arange(5) % 3)
    source = opened(tmp_path / "one.npz")
    assert source.spec.channels == 4
    assert np.array_equal(source[0].frames, np.moveaxis(stack, 1, -1))
    assert source.spec.action_kind is ActionKind.ONE_HOT


def test_grey_frames_without_channels(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(256, size=(5, SIZE, SIZE), dtype=np.uint8)
    np.savez(tmp_path / "one.npz", screen=grey, action=np.ones(5))
    assert np.array_equal(opened(tmp_path / "one.npz")[0].frames, grey[..., None])


def test_several_choices_at_once(tmp_path: Path) -> None:
    choices = np.array([[0, 2], [1, 0], [0, 1]])
    np.savez(tmp_path / "one.npz", image=np.zeros((3, SIZE, SIZE, 3), np.uint8), action=choices)
    source = opened(tmp_path / "one.npz")
    assert source.spec.action_names == ("action_0_0", "action_0_1", "action_1_0", "action_1_1", "action_1_2")
    assert source[0].actions.tolist() == [[1, 0, 0, 0, 1], [0, 1, 1, 0, 0], [1, 0, 0, 1, 0]]
    assert source.spec.action_kind is ActionKind.MULTI_HOT


def test_one_action_more_than_frames(tmp_path: Path, walks: list[Walk]) -> None:
    frames, actions, _ = walks[0]
    np.savez(tmp_path / "one.npz", image=frames, action=np.concatenate([actions, actions[:1]]))
    source = opened(tmp_path / "one.npz")
    assert_holds(source, walks[:1])
    assert any("one action more" in note for note in source.notes)


class Bomb:
    """Unpickled, it leaves a file."""

    def __reduce__(self) -> Any:
        return open, ("pwned", "w")


def objects(frames: Any, actions: Any) -> dict[str, Any]:
    return {"image": frames, "action": np.array([Bomb()] * len(frames), dtype=object)}


BROKEN: dict[str, tuple[Callable[[Any, Any], dict[str, Any]], tuple[str, ...]]] = {
    "objects": (objects, ("action", "Python objects", "run code")),
    "pictures that are objects": (
        lambda f, a: {"image": np.array([Bomb()] * len(f), dtype=object), "action": a},
        ("image", "Python objects"),
    ),
    "no pictures": (lambda f, a: {"action": a}, ("expected pictures", "action (5, 2) float32")),
    "no actions": (lambda f, a: {"image": f}, ('expected an array "actions"', "image (5, 16, 16, 3) uint8")),
    "nothing": (lambda f, a: {}, ("expected arrays",)),
    "too few actions": (lambda f, a: {"image": f, "action": a[:2]}, ("expected 5 actions", "found 2")),
    "cameras that differ": (
        lambda f, a: {"image": f, "camera": f[:3], "action": a},
        ("as many frames of each camera", "5", "3"),
    ),
    "a NaN": (lambda f, a: {"image": f, "action": a * np.array([[1, np.nan]])}, ("row 0", "column 1", "nan")),
    "words": (lambda f, a: {"image": f, "action": np.array(["up"] * 5)}, ("real numbers", "<U2")),
    "complex": (lambda f, a: {"image": f, "action": a * 1j}, ("real numbers", "complex")),
    "ends that are wrong": (
        lambda f, a: {"image": f, "action": a, "episode_ends": np.array([3, 9])},
        ("episode_ends", "up to the 5 frames", "9"),
    ),
    "ends that fall": (
        lambda f, a: {"image": f, "action": a, "episode_ends": np.array([4, 2, 5])},
        ("episode_ends", "[4, 2, 5]"),
    ),
    "ends that are no whole numbers": (
        lambda f, a: {"image": f, "action": a, "episode_ends": np.array([2.5, 5.0])},
        ("episode_ends", "float64"),
    ),
    "pixels out of range": (
        lambda f, a: {"image": f.astype(np.int32) - 1, "action": a},
        ("frame 0", "-1", "0 to 255"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(
    tmp_path: Path,
    walks: list[Walk],
    case: str,
    nothing_left: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, words = BROKEN[case]
    np.savez(tmp_path / "one.npz", **make(walks[0].frames, walks[0].actions))
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "one.npz", str(tmp_path / "one.npz"), *words)
    nothing_left()
    assert not (tmp_path / "pwned").exists()


def test_the_bomb_can_go_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Bomb())).close()
    assert (tmp_path / "pwned").exists()


def header_of(shape: tuple[int, ...]) -> bytes:
    from io import BytesIO

    content = BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return content.getvalue()


def test_archives_that_are_damaged(tmp_path: Path, walks: list[Walk], nothing_left: Callable[[], None]) -> None:
    path = tmp_path / "one.npz"
    np.savez_compressed(path, image=walks[0].frames, action=walks[0].actions)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[100:140] = bytes(40)
    for content in (whole[: len(whole) // 2], b"", b"something else", bytes(flipped)):
        path.write_bytes(content)
        refused(path, str(path), "write it again")
    with ZipFile(path, "w") as archive:
        archive.writestr("image.npy", header_of((10**12, 64, 64, 3)))
    refused(path, str(path), "image", "claims the shape (1000000000000, 64, 64, 3)")
    nothing_left()
