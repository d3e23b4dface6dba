"""WebDataset shards, written by webdataset: an episode in each sample, or a frame."""

import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset

from jepa_world_model.data.spec import ActionKind
from tests.data.readers.conftest import SIZE, Walk, assert_holds, opened, refused

Samples = list[dict[str, Any]]


def write(path: Path, samples: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(path)) as writer:
        for sample in samples:
            writer.write(sample)


def episodes(walks: list[Walk]) -> Samples:
    return [
        {"__key__": f"walk_{number}", "frames.npy": each.frames, "actions.npy": each.actions, "json": {"place": "here"}}
        for number, each in enumerate(walks)
    ]


def frames(walks: list[Walk]) -> Samples:
    return [
        {
            "__key__": f"episode_{number:03d}/{time:05d}",
            "png": each.frames[time],
            "action.npy": each.actions[time],
            "json": {"reward": float(time)},
        }
        for number, each in enumerate(walks)
        for time in range(len(each.frames))
    ]


def frames_by_name(walks: list[Walk]) -> Samples:
    return [
        {
            "__key__": f"ep{number}_frame{time}",
            "png": each.frames[time],
            "json": {"action": each.actions[time].tolist()},
        }
        for number, each in enumerate(walks)
        for time in range(len(each.frames))
    ]


def frames_by_field(walks: list[Walk]) -> Samples:
    samples = frames_by_name(walks)
    owners = [number for number, each in enumerate(walks) for _ in each.frames]
    return [
        {**sample, "__key__": f"{place:07d}", "json": {**sample["json"], "episode_index": owner}}
        for place, (sample, owner) in enumerate(zip(samples, owners, strict=True))
    ]


@pytest.mark.parametrize("layout", [episodes, frames, frames_by_name, frames_by_field])
def test_layouts(tmp_path: Path, walks: list[Walk], layout: Callable[[list[Walk]], Samples]) -> None:
    samples = layout(walks)
    write(tmp_path / "set/shard-000000.tar", samples[: len(samples) // 2])  # episodes of frames go over shards
    write(tmp_path / "set/shard-000001.tar", samples[len(samples) // 2 :])
    assert_holds(opened(tmp_path / "set"), walks)


def test_numbers_of_frames_are_truth_and_classes_are_choices(tmp_path: Path, walks: list[Walk]) -> None:
    samples = [
        {"__key__": f"ep_0/{time}", "png": walks[0].frames[time], "cls": time % 3, "json": {"reward": time / 2}}
        for time in range(5)
    ]
    write(tmp_path / "one.tar", samples)
    source = opened(tmp_path / "one.tar")
    assert source.spec.action_kind is ActionKind.ONE_HOT
    assert np.array_equal(source[0].actions, np.eye(3)[[0, 1, 2, 0, 1]])
    assert source[0].truth["reward"].tolist() == [0, 0.5, 1, 1.5, 2]


def test_arrays_in_archives_and_pickles_left_out(tmp_path: Path, walks: list[Walk]) -> None:
    samples = [
        {"__key__": f"{number}", "npz": {"image": each.frames, "action": each.actions}, "pyd": {"a": 1}}
        for number, each in enumerate(walks)
    ]
    write(tmp_path / "one.tar", samples)
    source = opened(tmp_path / "one.tar")
    assert_holds(source, walks)
    assert any(".pyd" in note and "run code" in note for note in source.notes)


def test_videos_in_shards(tmp_path: Path) -> None:
    from tests.data.readers.video import SIDE, assert_close, frames_of, write_video

    samples = []
    for index in range(2):
        write_video(tmp_path / "one.mp4", frames_of(index, 8))
        samples.append({"__key__": f"{index}", "mp4": (tmp_path / "one.mp4").read_bytes(), "npy": np.ones((8, 2))})
    (tmp_path / "one.mp4").unlink()
    write(tmp_path / "one.tar", samples)
    source = opened(tmp_path / "one.tar", image_size=SIDE)
    assert_close(source[1].frames, frames_of(1, 8))


class Bomb:
    def __reduce__(self) -> Any:
        return open, ("pwned", "w")


def npy(array: Any, *, pickled: bool = False) -> bytes:
    content = BytesIO()
    np.save(content, array, allow_pickle=pickled)
    return content.getvalue()


def claimed() -> bytes:
    content = BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 64, 64, 3)}
    )
    return content.getvalue()


FRAME = np.zeros((SIZE, SIZE, 3), np.uint8)
BROKEN: dict[str, tuple[dict[str, bytes], tuple[str, ...]]] = {
    "no actions": ({"1.frames.npy": npy(np.zeros((4, SIZE, SIZE, 3), np.uint8))}, ('"actions"',)),
    "no pictures": ({"1.actions.npy": npy(np.zeros((4, 2)))}, ("expected pictures",)),
    "objects": (
        {"1.frames.npy": npy(np.zeros((4, SIZE, SIZE, 3))), "1.actions.npy": npy(np.array([Bomb()] * 4), pickled=True)},
        ("1.actions.npy", "Python objects"),
    ),
    "claims a million million frames": ({"1.frames.npy": claimed()}, ("1.frames.npy", "claims")),
    "no numbers": ({"1.frames.npy": b"something else"}, ("1.frames.npy", "expected numbers")),
    "too few actions": (
        {"1.frames.npy": npy(np.zeros((4, SIZE, SIZE, 3), np.uint8)), "1.actions.npy": npy(np.zeros((2, 2)))},
        ("expected 4 actions", "found 2"),
    ),
    "a NaN": (
        {"1.frames.npy": npy(np.zeros((2, SIZE, SIZE, 3), np.uint8)), "1.actions.npy": npy(np.array([[1], [np.nan]]))},
        ("row 1", "nan"),
    ),
    "JSON that is cut": ({"e0/1.png": b"", "e0/1.json": b'{"action": [1'}, ("e0/1.json", "expected JSON")),
    "a frame without action": (
        {"e0/1.png": b"x", "e0/1.cls": b"1", "e0/2.png": b"x"},
        ("cannot be decoded",),
    ),
    "a picture that is none": ({"e0/1.png": b"something else", "e0/1.cls": b"1"}, ("e0/1.png", "cannot be decoded")),
    "a class that is a word": ({"e0/1.png": b"x", "e0/1.cls": b"up"}, ("e0/1.cls", "'up'")),
    "only pickles": ({"1.pyd": b"x", "1.pickle": b"x"}, ("expected pictures", ".pyd")),
    "nothing": ({}, ("found none",)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_shards(
    tmp_path: Path, case: str, nothing_left: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contents, words = BROKEN[case]
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    refused(tmp_path / "set.tar", str(tmp_path / "set.tar"), *words)
    nothing_left()
    assert not (tmp_path / "pwned").exists()


def test_a_frame_without_its_action(tmp_path: Path, walks: list[Walk]) -> None:
    samples = frames(walks[:1])
    del samples[3]["action.npy"]
    write(tmp_path / "one.tar", samples)
    refused(tmp_path / "one.tar", "episode_000/00003", '"action"')


def test_archives_that_are_damaged(tmp_path: Path, walks: list[Walk], nothing_left: Callable[[], None]) -> None:
    path = tmp_path / "one.tar"
    write(path, episodes(walks))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:700], b"something else", b""):
        path.write_bytes(content)
        refused(path, str(path))
    path.write_bytes(whole)
    compressed = tmp_path / "packed.tar"
    with tarfile.open(compressed, "w:gz") as archive:
        archive.add(path, "x.npy")
    refused(compressed, "not compressed")
    nothing_left()
