"""The research layout: decoded once, in the right order, and never half."""

import os
from collections.abc import Callable, Iterator
from errno import EACCES
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_world_model.data import EpisodeFolder
from jepa_world_model.data.readers import images
from jepa_world_model.data.readers.cache import cache_folder, open_cached
from jepa_world_model.data.readers.conversion import Progress
from jepa_world_model.data.readers.shaping import Shaping
from jepa_world_model.data.spec import ActionKind
from jepa_world_model.errors import UserError

LENGTH = 12  # past 9, where the order of names and the order of numbers part


def open_image_folders(folder: Path, size: int, on_progress: Progress | None = None) -> EpisodeFolder:
    files = images.files_of(folder)
    if not files and folder.exists():
        files = [file for run in folder.iterdir() for file in run.iterdir()]
    return open_cached(folder, images, files, Shaping(size), on_progress)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/jepa"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two trajectories with two ways of numbering; the red of image t is 20 t."""
    for name, pattern in (("run_a", "{}.png"), ("run_b", "frame_{:04d}.png")):
        run = tmp_path / "images" / name
        run.mkdir(parents=True)
        for time in range(LENGTH):
            colour = (20 * time, 100 if name == "run_a" else 200, 0)
            Image.new("RGB", (16, 16), colour).save(run / pattern.format(time))
        np.savez(run / "actions.npz", actions=np.eye(LENGTH), unrelated=np.zeros(3))
    return tmp_path / "images"


def expected_red(length: int = LENGTH) -> list[int]:
    return [20 * time for time in range(length)]


def refused(folder: Path, *words: str) -> str:
    with pytest.raises(UserError) as error:
        open_image_folders(folder, 16)
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, f"{missing} not in: {error.value}"
    return str(error.value)


def test_round_trip(folder: Path) -> None:
    source = open_image_folders(folder, 16)
    assert source.name == "images"
    assert source.lengths.tolist() == [LENGTH, LENGTH]
    assert source.spec.action_kind is ActionKind.ONE_HOT
    for index, green in enumerate((100, 200)):
        assert source[index].frames.shape == (LENGTH, 16, 16, 3)
        assert source[index].frames[:, 5, 5, 0].tolist() == expected_red()
        assert (source[index].frames[..., 1] == green).all()
        assert np.array_equal(source[index].actions, np.eye(LENGTH))


def test_larger_images_are_averaged_down(folder: Path) -> None:
    stripes = np.zeros((32, 32, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(folder / "run_a/0.png")
    assert (open_image_folders(folder, 16)[0].frames[0] == 100).all()


def test_jpeg_and_grey_images_become_rgb(folder: Path) -> None:
    (folder / "run_a/0.png").unlink()
    Image.new("L", (16, 16), 77).save(folder / "run_a/0.JPG")
    assert np.abs(open_image_folders(folder, 16)[0].frames[0].astype(int) - 77).max() <= 2


def test_the_second_time_nothing_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress: list[tuple[int, int]] = []
    first = open_image_folders(folder, 16, lambda done, total: progress.append((done, total)))
    assert progress == [(1, 2), (2, 2)]
    monkeypatch.setattr(images, "read_image", lambda *_: pytest.fail("decoded again"))
    assert np.array_equal(open_image_folders(folder, 16)[1].frames, first[1].frames)


def test_another_size_is_decoded_on_its_own(folder: Path) -> None:
    assert [open_image_folders(folder, size).spec.image_size for size in (16, 8, 16)] == [16, 8, 16]


def rewrite_image(folder: Path) -> None:
    Image.new("RGB", (16, 16), (1, 2, 3)).save(folder / "run_a/0.png")


def touch_image(folder: Path) -> None:
    os.utime(folder / "run_a/0.png", ns=(1, 1))


def rewrite_actions(folder: Path) -> None:
    np.savez(folder / "run_a/actions.npz", actions=2 * np.eye(LENGTH))


def remove_trajectory(folder: Path) -> None:
    (folder / "run_b").rename(folder.parent / "run_b")


@pytest.mark.parametrize("change", [rewrite_image, touch_image, rewrite_actions, remove_trajectory])
def test_a_change_is_noticed(folder: Path, own_cache: Path, change: Callable[[Path], None]) -> None:
    open_image_folders(folder, 16)
    change(folder)
    open_image_folders(folder, 16)
    assert len(list(own_cache.iterdir())) == 2


def test_a_decoding_that_was_stopped_goes_on_where_it_was(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_image_folders(folder, 16, interrupt)
    assert [path.name[0] for path in own_cache.iterdir()] == ["."]  # nothing that would be taken for a whole set
    (partial,) = own_cache.iterdir()
    (partial / ".episode_000001.partial").mkdir()  # as a killed process leaves it
    progress: list[tuple[int, int]] = []
    assert len(open_image_folders(folder, 16, lambda done, total: progress.append((done, total)))) == 2
    assert progress == [(2, 2)]
    assert [path.name[0] == "." for path in own_cache.iterdir()] == [False]


def test_two_processes_may_decode_at_once(folder: Path, own_cache: Path) -> None:
    """The other process finishes while this one is half way."""
    opened = []

    def other_process(done: int, total: int) -> None:
        if not opened:
            opened.append(True)
            open_image_folders(folder, 16)

    assert len(open_image_folders(folder, 16, other_process)) == 2
    assert len(list(own_cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_names_the_remedy(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    refused(folder, str(cache_folder()), "XDG_CACHE_HOME")


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/jepa"


def test_a_single_array_needs_no_name(folder: Path) -> None:
    np.savez(folder / "run_a/actions.npz", np.eye(LENGTH)[1:])
    actions = open_image_folders(folder, 16)[0].actions
    assert np.array_equal(actions[:-1], np.eye(LENGTH)[1:])
    assert not actions[-1].any()


def test_no_trajectories(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path), "numbered images", "actions.npz")


def test_no_images(folder: Path) -> None:
    for path in (folder / "run_b").glob("*.png"):
        path.unlink()
    refused(folder, "run_b", ".png", "found none")


def test_a_broken_image(folder: Path) -> None:
    whole = (folder / "run_b/frame_0003.png").read_bytes()
    for broken, found in (
        (b"not an image", "b'not an image'"),
        (b"", "it is empty"),
        (whole[:40], "damaged or cut"),
        (whole[: len(whole) // 2], "cannot be decoded"),
        (whole[:-30] + bytes([whole[-30] ^ 255]) + whole[-29:], "cannot be decoded"),
    ):
        (folder / "run_b/frame_0003.png").write_bytes(broken)
        message = refused(folder, "run_b/frame_0003.png", "PNG, JPEG, WEBP or BMP", found)
        assert " object at " not in message


def test_hidden_files_are_no_images(folder: Path) -> None:
    """Some systems put them beside each file that they copy."""
    (folder / "run_a/._0.png").write_bytes(b"attributes")
    (folder / ".run_a").mkdir()
    assert open_image_folders(folder, 16).lengths.tolist() == [LENGTH, LENGTH]


def test_images_without_actions_are_left_out_with_a_note(folder: Path) -> None:
    (folder / "run_c").mkdir()
    Image.new("RGB", (16, 16)).save(folder / "run_c/0.png")
    (folder / "notes").mkdir()
    source = open_image_folders(folder, 16)
    assert len(source) == 2
    assert "left out, for there is no actions.npz in it: run_c" in source.notes


@pytest.mark.parametrize("closed", ["run_b", "run_b/frame_0003.png", "run_b/actions.npz"])
def test_what_may_not_be_read_is_named(folder: Path, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be looked into was left out, as if it were empty."""
    from_now_on_closed(folder / closed, monkeypatch)
    refused(folder, f"{folder / closed}: cannot be read (Permission denied)")


def from_now_on_closed(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To any user, root too."""
    may, look = os.access, Path.iterdir

    def looked_into(self: Path) -> Iterator[Path]:
        if self == closed:
            raise PermissionError(EACCES, "Permission denied", str(self))
        return look(self)

    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and may(path, mode))
    monkeypatch.setattr(Path, "iterdir", looked_into)


BROKEN: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "too few": ({"actions": np.eye(LENGTH)[:5]}, "found 5"),
    "two widths": ({"actions": np.ones((LENGTH, 2))}, "width 2"),
    "indices": ({"actions": np.zeros(LENGTH, dtype=int)}, "numpy.eye"),
    "words": ({"actions": np.array([["up"]] * LENGTH)}, "real numbers"),
    "objects": ({"actions": np.array([[None]] * LENGTH)}, "numpy.savez"),
    "which": ({"left": np.eye(LENGTH), "right": np.eye(LENGTH)}, "['left', 'right']"),
    "nothing": ({}, "found none"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_actions(folder: Path, case: str) -> None:
    arrays, word = BROKEN[case]
    np.savez(folder / "run_b/actions.npz", **arrays)  # pyright: ignore[reportArgumentType]
    refused(folder, "run_b/actions.npz", word)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"text"])
def test_actions_that_are_no_archive(folder: Path, content: bytes) -> None:
    (folder / "run_b/actions.npz").write_bytes(content)
    refused(folder, "run_b/actions.npz", "numpy.savez")
