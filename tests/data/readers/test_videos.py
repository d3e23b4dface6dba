"""Folders of video with their actions in tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_world_model.data.spec import ActionKind
from tests.data.readers.conftest import opened, refused
from tests.data.readers.video import SIDE, assert_close, frames_of, write_video

LENGTHS = (12, 9)
Layout = Callable[[Path, list[np.ndarray]], None]


def actions_of(index: int) -> np.ndarray:
    return np.stack([np.arange(LENGTHS[index]) / 10, np.full(LENGTHS[index], index + 0.5)], axis=1)


def csv_of(actions: np.ndarray, *, header: str = "frame,action_x,action_y,reward") -> str:
    rows = [f"{time},{x},{y},{time * 2}" for time, (x, y) in enumerate(actions)]
    return "\n".join([header, *rows]) + "\n"


def csv_besides(folder: Path, episodes: list[np.ndarray]) -> None:
    for index, frames in enumerate(episodes):
        write_video(folder / f"clip_{index + 9}.mp4", frames)
        (folder / f"clip_{index + 9}.csv").write_text(csv_of(actions_of(index)))


def npz_besides(folder: Path, episodes: list[np.ndarray]) -> None:
    for index, frames in enumerate(episodes):
        write_video(folder / f"clip_{index}.mkv", frames)
        np.savez(folder / f"clip_{index}.npz", actions=actions_of(index)[:-1])


def folder_each(folder: Path, episodes: list[np.ndarray]) -> None:
    for index, frames in enumerate(episodes):
        write_video(folder / f"run_{index}/front.mp4", frames)
        np.save(folder / f"run_{index}/actions.npy", actions_of(index))


def folder_each_with_npz(folder: Path, episodes: list[np.ndarray]) -> None:
    for index, frames in enumerate(episodes):
        write_video(folder / f"run_{index}/front.mp4", frames)
        np.savez(folder / f"run_{index}/actions.npz", actions=actions_of(index))


def one_table(folder: Path, episodes: list[np.ndarray]) -> None:
    lines = ["episode,action_x,action_y"]
    for index, frames in enumerate(episodes):
        write_video(folder / f"episode_{index:06d}.mp4", frames)
        lines += [f"{index},{x},{y}" for x, y in actions_of(index)]
    (folder / "actions.csv").write_text("\n".join(lines))


@pytest.mark.parametrize("layout", [csv_besides, npz_besides, folder_each, folder_each_with_npz, one_table])
def test_layouts(tmp_path: Path, layout: Layout) -> None:
    episodes = [frames_of(index, length) for index, length in enumerate(LENGTHS)]
    folder = tmp_path / "set"
    folder.mkdir()
    layout(folder, episodes)
    source = opened(folder, image_size=SIDE)
    assert source.lengths.tolist() == list(LENGTHS)
    for index, frames in enumerate(episodes):
        assert_close(source[index].frames, frames)
        assert np.allclose(source[index].actions[:-1], actions_of(index)[:-1])


def test_names_of_columns_and_rewards_are_kept(tmp_path: Path) -> None:
    csv_besides(tmp_path, [frames_of(0, 12), frames_of(1, 9)])
    source = opened(tmp_path, image_size=SIDE)
    assert source.spec.action_names == ("action_x", "action_y")
    assert source[0].truth["reward"].tolist() == [2 * time for time in range(12)]


def test_one_column_of_whole_numbers_is_a_choice(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames_of(0, 6))
    (tmp_path / "a.csv").write_text("t,action\n" + "\n".join(f"{t},{t % 3}" for t in range(6)))
    source = opened(tmp_path, image_size=SIDE)
    assert source.spec.action_kind is ActionKind.ONE_HOT
    assert np.array_equal(source[0].actions, np.eye(3)[np.arange(6) % 3])


def test_a_conversion_that_was_stopped_decodes_only_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv_besides(tmp_path / "set", [frames_of(0, 12), frames_of(1, 9)])

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "set", image_size=SIDE, on_progress=interrupt)
    said: list[tuple[int, int]] = []
    source = opened(tmp_path / "set", image_size=SIDE, on_progress=lambda done, total: said.append((done, total)))
    assert said == [(2, 2)]
    assert_close(source[0].frames, frames_of(0, 12))


def replaced(name: str, content: bytes | str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def cut(part: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        whole = (folder / "a.mp4").read_bytes()
        (folder / "a.mp4").write_bytes(whole[: int(len(whole) * part)])

    return change


def playlist(folder: Path) -> None:
    """Of a video that lies elsewhere, and that FFmpeg would open."""
    write_video(folder / "elsewhere/other.mp4", frames_of(0, 12))
    (folder / "a.mp4").write_text(PLAYLIST.format("elsewhere/other.mp4"))


def pickled(folder: Path) -> None:
    (folder / "a.csv").unlink()
    np.savez(folder / "a.npz", actions=np.array([{}] * 12))


TEN = "\n".join(f"{t},0.5" for t in range(12))
PLAYLIST = "ffconcat version 1.0\nfile {}\n"
BROKEN: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "cut in half": (cut(0.5), ("a.mp4", "damaged, cut short")),
    "cut at the end": (cut(0.8), ("a.mp4", "damaged, cut short")),
    "empty video": (replaced("a.mp4", b""), ("a.mp4",)),
    "no video": (replaced("a.mp4", b"something else"), ("a.mp4", "expected a video")),
    "a playlist": (playlist, ("a.mp4", "expected a video")),
    "no table": (lambda folder: (folder / "a.csv").unlink(), ("a.mp4", "a.csv or a.npz or a.npy", "neither")),
    "too few rows": (replaced("a.csv", "t,action\n0,0.5\n1,0.25\n"), ("a.mp4", "12 actions", "found 2")),
    "a cell too few": (replaced("a.csv", f"t,action\n{TEN}\n12\n"), ("a.csv", "line 14", "2 columns")),
    "a word": (replaced("a.csv", f"t,action\n{TEN[:-3]}up"), ("a.csv", "line 13", "'up'")),
    "an empty cell": (replaced("a.csv", f"t,action\n{TEN[:-3]}"), ("a.csv", "line 13", "expected a number")),
    "a NaN": (replaced("a.csv", f"t,action\n{TEN[:-3]}nan"), ("a.mp4", "row 11", "nan")),
    "no header": (replaced("a.csv", TEN), ("a.csv", "add a header")),
    "no columns of actions": (replaced("a.csv", "t,frame\n1,2\n"), ("a.csv", "columns of actions", "t, frame")),
    "bytes": (replaced("a.csv", b"\xff\xfe\x00"), ("a.csv", "UTF-8")),
    "columns of one name": (replaced("a.csv", "action,action\n1,2\n"), ("a.csv", "different names")),
    "pickled actions": (pickled, ("a.npz", "Python objects")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_sets(tmp_path: Path, case: str, nothing_left: Callable[[], None]) -> None:
    folder = tmp_path / "set"
    write_video(folder / "a.mp4", frames_of(0, 12))
    (folder / "a.csv").write_text(f"t,action\n{TEN}")
    change, words = BROKEN[case]
    change(folder)
    refused(folder, str(folder), *words, image_size=SIDE)
    nothing_left()


def test_the_set_that_is_broken_above_is_whole_before(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", frames_of(0, 12))
    (tmp_path / "a.csv").write_text(f"t,action\n{TEN}")
    assert opened(tmp_path, image_size=SIDE).lengths.tolist() == [12]


def test_a_missing_package_and_a_missing_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from jepa_world_model.data.readers import video_file

    write_video(tmp_path / "a.mp4", frames_of(0, 12))
    (tmp_path / "a.csv").write_text(f"t,action\n{TEN}")
    monkeypatch.setitem(sys.modules, "av", None)
    refused(tmp_path, "needs av", "pip install '.[data]'", image_size=SIDE)
    monkeypatch.undo()
    video_file._facts.cache_clear()


def no_decoder(*_: Any, **__: Any) -> Any:
    import av

    raise av.error.DecoderNotFoundError(1, "Decoder not found", "a.mp4")


def test_a_codec_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "set/a.mp4", frames_of(0, 12))
    (tmp_path / "set/a.csv").write_text(f"t,action\n{TEN}")
    monkeypatch.setattr("av.open", no_decoder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    refused(tmp_path / "set", "a.mp4", "codec that is not installed", "libx264", image_size=SIDE)
