"""Reading the open format, and what is said when it is broken."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two episodes of 5 and 6 frames, written with numpy alone as the documentation says."""
    for index, length in enumerate((5, 6)):
        episode = tmp_path / "set" / f"episode_{index:06d}"
        episode.mkdir(parents=True)
        np.save(episode / "frames.npy", np.full((length, 8, 8, 3), index, dtype=np.uint8))
        np.save(episode / "actions.npy", np.eye(3, dtype=np.float32)[np.arange(length) % 3])
        np.save(episode / "truth_position.npy", np.arange(length))
    return tmp_path / "set"


def copy_last_episode(folder: Path, until: int) -> None:
    for index in range(2, until):
        shutil.copytree(folder / "episode_000001", folder / f"episode_{index:06d}")


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(UserError) as error:
        EpisodeFolder(folder)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, f"{missing} not in: {error.value}"


def test_reads_what_numpy_wrote(folder: Path) -> None:
    source = EpisodeFolder(folder)
    assert source.lengths.tolist() == [5, 6]
    assert (source.spec.image_size, source.spec.channels, source.spec.action_width) == (8, 3, 3)
    assert isinstance(source[1].frames, np.memmap)
    assert (source[1].frames == 1).all()
    assert dict(source[1].truth)["position"].tolist() == list(range(6))


def test_episodes_are_ordered_as_people_count(folder: Path) -> None:
    (folder / "episode_000000").rename(folder / "episode_10")
    (folder / "episode_000001").rename(folder / "episode_9")
    assert EpisodeFolder(folder).lengths.tolist() == [6, 5]


def test_a_missing_last_action_is_added_as_zeros(folder: Path) -> None:
    np.save(folder / "episode_000000/actions.npy", np.ones((4, 3), dtype=np.float64))
    actions = EpisodeFolder(folder)[0].actions
    assert actions.dtype == np.float32
    assert actions.tolist() == [[1, 1, 1]] * 4 + [[0, 0, 0]]


@pytest.mark.parametrize(
    ("value", "kind"), [(1, ActionKind.ONE_HOT), (0.5, ActionKind.REAL), (None, ActionKind.MULTI_HOT)]
)
def test_kind_is_inferred_without_dataset_json(folder: Path, value: float | None, kind: ActionKind) -> None:
    rows = np.ones((5, 3)) if value is None else np.diag([value] * 3)[[0, 1, 2, 0, 1]]
    np.save(folder / "episode_000000/actions.npy", rows)
    assert EpisodeFolder(folder).spec.action_kind is kind


def test_dataset_json_overrules_the_values(folder: Path) -> None:
    content = {"format": "jepa-episodes", "version": 1, "action_kind": "multi-hot", "action_names": ["a", "b", "c"]}
    (folder / "dataset.json").write_text(json.dumps(content))
    spec = EpisodeFolder(folder).spec
    assert spec.action_kind is ActionKind.MULTI_HOT
    assert spec.action_names == ("a", "b", "c")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="counts maps in /proc")
def test_no_more_than_max_open_episodes_stay_mapped(folder: Path) -> None:
    copy_last_episode(folder, until=30)
    source = EpisodeFolder(folder, max_open=4)

    def mapped() -> int:
        return sum(str(folder.resolve()) in line for line in Path("/proc/self/maps").read_text().splitlines())

    assert mapped() == 0
    for _ in range(2):
        for index in range(len(source)):
            assert (source[index].frames == min(index, 1)).all()
    assert mapped() == 4


def test_more_episodes_than_open_files_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    copy_last_episode(folder, until=80)
    used = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 32
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 32, hard))
    try:
        source = EpisodeFolder(folder, max_open=16)
        kept = [int(source[index].frames[0, 0, 0, 0]) for index in range(len(source))]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert kept == [0] + [1] * 79


def test_no_such_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "no such folder")


def test_no_episodes(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path), "no episodes", "episode_*", "frames.npy")


@pytest.mark.parametrize("name", ["frames.npy", "actions.npy"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / "episode_000001" / name).unlink()
    refused(folder, f"episode_000001/{name}", "not found")


@pytest.mark.parametrize("name", ["frames.npy", "actions.npy", "truth_position.npy"])
@pytest.mark.parametrize("kept", [0, 5, 20, -1])
def test_truncated_file(folder: Path, name: str, kept: int) -> None:
    path = folder / "episode_000001" / name
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, f"episode_000001/{name}", "truncated" if kept == -1 else "numpy.save")


def test_not_an_array(folder: Path) -> None:
    (folder / "episode_000000/frames.npy").write_text("not an array, but a text that is long enough")
    refused(folder, "episode_000000/frames.npy", "numpy.save")


def test_python_objects(folder: Path) -> None:
    np.save(folder / "episode_000000/actions.npy", np.array([[{}]]), allow_pickle=True)
    refused(folder, "episode_000000/actions.npy", "Python objects")


BROKEN: dict[str, tuple[str, np.ndarray, tuple[str, ...]]] = {
    "float frames": ("frames.npy", np.zeros((5, 8, 8, 3)), ("uint8", "float64")),
    "frames without channels": ("frames.npy", np.zeros((5, 8, 8), np.uint8), ("[T, H, W, C]", "(5, 8, 8)")),
    "channels first": ("frames.npy", np.zeros((5, 3, 8, 8), np.uint8), ("[T, H, W, C]", "channels last")),
    "frames not square": ("frames.npy", np.zeros((5, 8, 9, 3), np.uint8), ("H = W", "resize")),
    "no frames": ("frames.npy", np.zeros((0, 8, 8, 3), np.uint8), ("at least one frame",)),
    "frames of two sizes": ("frames.npy", np.zeros((6, 16, 16, 3), np.uint8), ("(8, 8, 3)", "(16, 16, 3)")),
    "too few actions": ("actions.npy", np.zeros((3, 3)), ("6 actions", "found 3")),
    "too many actions": ("actions.npy", np.zeros((7, 3)), ("6 actions", "found 7")),
    "indices for actions": ("actions.npy", np.zeros(6, int), ("[T, A]", "numpy.eye")),
    "words for actions": ("actions.npy", np.array([["up"]] * 6), ("real number",)),
    "actions of two widths": ("actions.npy", np.zeros((6, 2)), ("width 3", "width 2")),
    "short truth": ("truth_position.npy", np.zeros(5), ("6 frames", "(5,)")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_array_is_named_with_what_was_expected_and_found(folder: Path, case: str) -> None:
    name, values, words = BROKEN[case]
    np.save(folder / "episode_000001" / name, values)
    refused(folder, f"episode_000001/{name}", *words)


HEAD = {"format": "jepa-episodes", "version": 1}
BROKEN_JSON: dict[str, tuple[str, str]] = {
    "syntax": ("{", "syntax error"),
    "bytes": ("\udcff", "syntax error"),
    "not an object": ("[]", "jepa-episodes"),
    "other format": ('{"format": "zarr"}', "jepa-episodes"),
    "other version": (json.dumps(HEAD | {"version": 2}), "version 1"),
    "unknown kind": (json.dumps(HEAD | {"action_kind": "onehot"}), "did you mean 'one-hot'"),
    "kind of another type": (json.dumps(HEAD | {"action_kind": 3}), "action_kind"),
    "names of another type": (json.dumps(HEAD | {"action_names": "up"}), "action_names"),
    "too few names": (json.dumps(HEAD | {"action_names": ["up"]}), "action_names"),
    "other size": (json.dumps(HEAD | {"image_size": 64}), "image_size"),
    "other channels": (json.dumps(HEAD | {"channels": 1}), "channels"),
}


@pytest.mark.parametrize("case", BROKEN_JSON)
def test_broken_dataset_json_is_named(folder: Path, case: str) -> None:
    content, word = BROKEN_JSON[case]
    (folder / "dataset.json").write_bytes(content.encode(errors="surrogateescape"))
    refused(folder, str(folder / "dataset.json"), word)


def test_an_episode_removed_after_opening_is_named(folder: Path) -> None:
    source = EpisodeFolder(folder)
    (folder / "episode_000001/frames.npy").unlink()
    with pytest.raises(UserError, match=r"episode_000001.*removed"):
        source[1]


def test_opening_reads_no_frames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Callable[..., Episode]:
        raise AssertionError("opened an array")

    (folder / "dataset.json").write_text(json.dumps(HEAD | {"action_kind": "real"}))
    monkeypatch.setattr(np, "load", fail)
    EpisodeFolder(folder)
