"""Minari data sets, written by Minari."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from jepa_world_model.data.spec import ActionKind
from tests.data.readers.conftest import SIZE, opened, refused

LENGTHS = (6, 4)
PICTURE = gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)


def frames_of(index: int) -> np.ndarray:
    frames = np.zeros((LENGTHS[index] + 1, SIZE, SIZE, 3), dtype=np.uint8)
    frames[..., 0], frames[..., 1] = 100 * (index + 1), np.arange(LENGTHS[index] + 1)[:, None, None]
    return frames


def write(root: Path, monkeypatch: pytest.MonkeyPatch, *, nested: bool = False) -> Path:
    """Two episodes of choices 0 to 3, of which 4 are there."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    space: Any = PICTURE
    if nested:
        space = gymnasium.spaces.Dict({"image": PICTURE, "speed": gymnasium.spaces.Box(-9, 9, (2,), np.float32)})
    buffers = []
    for index, length in enumerate(LENGTHS):
        frames: Any = frames_of(index)
        if nested:
            frames = {"image": frames, "speed": np.ones((length + 1, 2), np.float32)}
        buffers.append(
            EpisodeBuffer(
                id=index,
                observations=frames,
                actions=np.arange(length) % 3,
                rewards=np.arange(length, dtype=float).tolist(),
                terminations=[False] * (length - 1) + [True],
                truncations=[False] * length,
                infos={},
            )
        )
    minari.create_dataset_from_buffers(
        "test/walk-v0",
        buffers,
        observation_space=space,
        action_space=gymnasium.spaces.Discrete(4),
        data_format="hdf5",
        algorithm_name="none",
        author="none",
        author_email="none@example.org",
        code_permalink="none",
    )
    return root / "test/walk-v0"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("nested", [False, True])
def test_what_minari_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: bool) -> None:
    folder = write(tmp_path / "sets", monkeypatch, nested=nested)
    for path in (folder, folder / "data"):
        source = opened(path)
        assert source.lengths.tolist() == [7, 5]
        assert source.spec.action_kind is ActionKind.ONE_HOT
        for index, length in enumerate(LENGTHS):
            assert np.array_equal(source[index].frames, frames_of(index))
            assert np.array_equal(source[index].actions[:-1], np.eye(4)[np.arange(length) % 3])
            assert np.array_equal(source[index].truth["rewards"][:-1], np.arange(length))
    if nested:
        assert source[0].truth["observations_speed"].shape == (7, 2)


def main(change: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        with h5py.File(folder / "data/main_data.hdf5", "r+") as file:
            change(file)

    return changed


def replaced(name: str, values: Callable[[], Any]) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values()

    return main(change)


def emptied(file: h5py.File) -> None:
    for name in list(file):
        del file[name]


def cut(folder: Path) -> None:
    path = folder / "data/main_data.hdf5"
    path.write_bytes(path.read_bytes()[:900])


def claims(file: h5py.File) -> None:
    del file["episode_1/observations"]
    file["episode_1"].create_dataset("observations", (10**12, 64, 64, 3), np.uint8, chunks=True)


BROKEN: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "cut": (cut, ("main_data.hdf5", "expected HDF5")),
    "no episodes": (main(emptied), ("main_data.hdf5", "episode_0")),
    "no observations": (main(lambda file: file["episode_1"].__delitem__("observations")), ("episode_1", "pictures")),
    "no actions": (main(lambda file: file["episode_1"].__delitem__("actions")), ("episode_1", "actions")),
    "too few actions": (replaced("episode_1/actions", lambda: np.zeros(2, int)), ("episode_1", "found 2")),
    "actions that are words": (replaced("episode_1/actions", lambda: [b"a"] * 4), ("episode_1", "actions")),
    "actions of another width": (replaced("episode_1/actions", lambda: np.zeros((4, 2))), ("episode_1", "(2,)")),
    "frames without colours": (
        replaced("episode_1/observations", lambda: np.zeros((5, SIZE, SIZE, 1), np.uint8)),
        ("episode_1", "3 channels", "found 1"),
    ),
    "frames that are vectors": (
        replaced("episode_1/observations", lambda: np.zeros((5, 3))),
        ("episode_1", "pictures"),
    ),
    "claims a million million frames": (main(claims), ("episode_1/observations", "claims")),
    "metadata is cut": (lambda folder: (folder / "data/metadata.json").write_text('{"a'), ("metadata.json", "JSON")),
    "metadata is a list": (
        lambda folder: (folder / "data/metadata.json").write_text("[]"),
        ("metadata.json", "object"),
    ),
    "in arrow": (
        lambda folder: (
            (folder / "data/main_data.hdf5").unlink(),
            (folder / "data/metadata.json").write_text(json.dumps({"data_format": "arrow"})),
        ),
        ("arrow", "hdf5"),
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", BROKEN)
def test_broken_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, nothing_left: Callable[[], None]
) -> None:
    folder = write(tmp_path / "sets", monkeypatch)
    change, words = BROKEN[case]
    change(folder)
    refused(folder, str(folder), *words)
    nothing_left()
