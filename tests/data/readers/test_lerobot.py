"""LeRobot data sets of versions 2.1 and 3.0, in their published layout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.readers.conftest import opened, refused
from tests.data.readers.video import SIDE, assert_close, frames_of, write_video

LENGTHS = (8, 13, 9)
KEY = "observation.images.front"
FPS = 10


def actions_of(index: int) -> np.ndarray:
    return np.stack([np.arange(LENGTHS[index]) / 10, np.full(LENGTHS[index], index + 0.5)], axis=1).astype(np.float32)


def features(dtype: str) -> dict[str, Any]:
    return {
        KEY: {"dtype": dtype, "shape": [SIDE, SIDE, 3], "names": ["height", "width", "channels"]},
        "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["pan", "grip"]}},
        "observation.state": {"dtype": "float32", "shape": [2], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    }


def table(indices: list[int], images: Callable[[int], list[bytes]] | None = None) -> pa.Table:
    lengths = [LENGTHS[index] for index in indices]
    columns: dict[str, Any] = {
        "action": [list(map(float, row)) for index in indices for row in actions_of(index)],
        "observation.state": [[float(t), -float(t)] for length in lengths for t in range(length)],
        "timestamp": [t / FPS for length in lengths for t in range(length)],
        "frame_index": [t for length in lengths for t in range(length)],
        "episode_index": np.repeat(indices, lengths).tolist(),
        "index": list(range(sum(lengths))),
        "task_index": [0] * sum(lengths),
    }
    if images:
        columns[KEY] = [{"bytes": content, "path": ""} for index in indices for content in images(index)]
    return pa.table(columns)


def write_info(root: Path, version: str, **changes: Any) -> None:
    (root / "meta").mkdir(parents=True, exist_ok=True)
    info = {
        "codebase_version": version,
        "total_episodes": len(LENGTHS),
        "chunks_size": 2,
        "fps": FPS,
        "features": features("video"),
    }
    (root / "meta/info.json").write_text(json.dumps(info | changes))


def version_2(root: Path) -> None:
    write_info(
        root,
        "v2.1",
        data_path="data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        video_path="videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    )
    lines = [json.dumps({"episode_index": i, "tasks": ["move"], "length": length}) for i, length in enumerate(LENGTHS)]
    (root / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    for index, length in enumerate(LENGTHS):
        chunk = f"chunk-{index // 2:03d}"
        (root / "data" / chunk).mkdir(parents=True, exist_ok=True)
        pq.write_table(table([index]), root / "data" / chunk / f"episode_{index:06d}.parquet")
        write_video(root / "videos" / chunk / KEY / f"episode_{index:06d}.mp4", frames_of(index, length), fps=FPS)


def version_3(root: Path) -> None:
    """Two episodes in the first file, one in the second."""
    write_info(
        root,
        "v3.0",
        data_path="data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        video_path="videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    )
    episodes = []
    for file, indices in enumerate(([0, 1], [2])):
        (root / "data/chunk-000").mkdir(parents=True, exist_ok=True)
        pq.write_table(table(indices), root / f"data/chunk-000/file-{file:03d}.parquet")
        joined = np.concatenate([frames_of(index, LENGTHS[index]) for index in indices])
        write_video(root / f"videos/{KEY}/chunk-000/file-{file:03d}.mp4", joined, fps=FPS)
        start = 0.0
        for index in indices:
            end = start + LENGTHS[index] / FPS
            place = {"chunk_index": 0, "file_index": file}
            episodes.append(
                {"episode_index": index, "tasks": ["move"], "length": LENGTHS[index]}
                | {f"data/{key}": value for key, value in place.items()}
                | {f"videos/{KEY}/{key}": value for key, value in place.items()}
                | {f"videos/{KEY}/from_timestamp": start, f"videos/{KEY}/to_timestamp": end}
            )
            start = end
    (root / "meta/episodes/chunk-000").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(episodes), root / "meta/episodes/chunk-000/file-000.parquet")


@pytest.mark.parametrize("layout", [version_2, version_3])
def test_both_versions(tmp_path: Path, layout: Callable[[Path], None]) -> None:
    layout(tmp_path / "set")
    source = opened(tmp_path / "set", image_size=SIDE)
    assert source.lengths.tolist() == list(LENGTHS)
    assert source.spec.action_names == ("pan", "grip")
    assert sorted(source[1].truth) == ["observation.state", "task_index"]
    for index, length in enumerate(LENGTHS):
        assert_close(source[index].frames, frames_of(index, length))
        assert np.array_equal(source[index].actions, actions_of(index))


def test_pictures_in_the_tables(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image

    def encoded(index: int) -> list[bytes]:
        contents = []
        for frame in frames_of(index, LENGTHS[index]):
            content = BytesIO()
            Image.fromarray(frame).save(content, format="png")
            contents.append(content.getvalue())
        return contents

    version_2(tmp_path / "set")
    write_info(tmp_path / "set", "v2.0", features=features("image"))
    for index in range(len(LENGTHS)):
        path = tmp_path / f"set/data/chunk-{index // 2:03d}/episode_{index:06d}.parquet"
        pq.write_table(table([index], encoded), path)
    source = opened(tmp_path / "set", image_size=SIDE)
    assert np.array_equal(source[2].frames, frames_of(2, LENGTHS[2]))


TABLE, VIDEO = "data/chunk-000/episode_000001.parquet", f"videos/chunk-000/{KEY}/episode_000001.mp4"


def cut(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        whole = (root / name).read_bytes()
        (root / name).write_bytes(whole[: len(whole) // 2])

    return change


def rewritten(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        pq.write_table(change(table([1])), root / TABLE)

    return write


def info(**changes: Any) -> Callable[[Path], None]:
    return lambda root: (root / "meta/info.json").write_text(
        json.dumps(json.loads((root / "meta/info.json").read_text()) | changes)
    )


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in features("video").items() if key != name}


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text(text) and None


def with_actions(rows: list[Any]) -> Callable[[Path], None]:
    return rewritten(lambda made: made.set_column(made.schema.get_field_index("action"), "action", [rows]))


BROKEN: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "info is cut": (cut("meta/info.json"), ("info.json", "syntax error")),
    "info is a list": (written("meta/info.json", "[]"), ("info.json", "object")),
    "another version": (info(codebase_version="v1.6"), ("info.json", "v2.0, v2.1 or v3.0", "v1.6")),
    "no features": (info(features=None), ("info.json", '"features"')),
    "no pictures": (info(features=without(KEY)), ("info.json", "dtype video or image")),
    "no action": (info(features=without("action")), ("info.json", '"action"')),
    "a path that leads out": (info(data_path="../{episode_index}.parquet"), ("info.json", "leads out")),
    "a path of nothing known": (info(data_path="data/{hub}.parquet"), ("info.json", '"hub"')),
    "episodes are cut": (cut("meta/episodes.jsonl"), ("episodes.jsonl", "syntax error")),
    "episodes without lengths": (written("meta/episodes.jsonl", '{"episode_index": 0}'), ("episodes.jsonl", "length")),
    "no episodes": (written("meta/episodes.jsonl", "\n"), ("episodes.jsonl", "found none")),
    "a million million frames": (
        written("meta/episodes.jsonl", '{"episode_index": 1, "length": 1000000000000}'),
        ("episode_000001.parquet", "expected 1000000000000 rows", "found 13"),
    ),
    "the table is cut": (cut(TABLE), (TABLE, "expected parquet")),
    "the table is gone": (lambda root: (root / TABLE).unlink(), (TABLE, "does not exist")),
    "rows are missing": (rewritten(lambda made: made.slice(0, 9)), (TABLE, "expected 13 rows", "found 9")),
    "a column is missing": (rewritten(lambda made: made.drop_columns(["action"])), (TABLE, '"action"')),
    "actions of two lengths": (with_actions([[1.0]] + [[1.0, 2.0]] * 12), (TABLE, "action", "one length")),
    "actions are words": (with_actions([["a", "b"]] * 13), (TABLE,)),
    "an action is empty": (with_actions([None] + [[1.0, 2.0]] * 12), (TABLE, "action", "empty")),
    "a NaN": (with_actions([[1.0, 2.0]] * 12 + [[1.0, float("nan")]]), (TABLE, "row 12", "column 1", "nan")),
    "the video is cut": (cut(VIDEO), (VIDEO, "damaged, cut short")),
    "the video is gone": (lambda root: (root / VIDEO).unlink(), (VIDEO, "does not exist")),
    "the video is of another episode": (
        lambda root: write_video(root / VIDEO, frames_of(1, 5)),
        (VIDEO, "expected 13 frames", "found 5"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_sets(tmp_path: Path, case: str, nothing_left: Callable[[], None]) -> None:
    version_2(tmp_path / "set")
    change, words = BROKEN[case]
    change(tmp_path / "set")
    refused(tmp_path / "set", str(tmp_path / "set"), *words, image_size=SIDE)
    nothing_left()


def test_a_joined_video_that_is_cut(tmp_path: Path) -> None:
    version_3(tmp_path / "set")
    video = f"videos/{KEY}/chunk-000/file-000.mp4"
    write_video(tmp_path / "set" / video, frames_of(0, 15), fps=FPS)
    refused(tmp_path / "set", video, "expected 21 frames", "episode 1", "found 15", image_size=SIDE)
