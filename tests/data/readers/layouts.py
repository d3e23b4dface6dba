"""A small data set in each known format, as the format's own library or its published layout writes it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.data.readers.conftest import Walk

Writer = Callable[[Path, list[Walk]], Path]
"""Writes walks under a folder, and returns what is given to ``--data``."""


def own(folder: Path, walks: list[Walk]) -> Path:
    for number, each in enumerate(walks):
        episode = folder / f"own/episode_{number:06d}"
        episode.mkdir(parents=True)
        np.save(episode / "frames.npy", each.frames)
        np.save(episode / "actions.npy", each.actions)
        np.save(episode / "truth_position.npy", each.state)
    return folder / "own"


def images(folder: Path, walks: list[Walk]) -> Path:
    from PIL import Image

    for number, each in enumerate(walks):
        run = folder / f"images/run_{number}"
        run.mkdir(parents=True)
        for time, frame in enumerate(each.frames):
            Image.fromarray(frame).save(run / f"{time}.png")
        np.savez(run / "actions.npz", actions=each.actions)
    return folder / "images"


def hdf5(folder: Path, walks: list[Walk]) -> Path:
    """robomimic's."""
    import h5py

    with h5py.File(folder / "demo.hdf5", "w") as file:
        for number, each in enumerate(walks):
            demo = file.create_group(f"data/demo_{number}")
            demo["actions"] = each.actions
            demo["obs/agentview_image"] = each.frames
            demo["obs/position"] = each.state
            demo["rewards"] = np.arange(len(each.frames)) / 10
    return folder / "demo.hdf5"


def replay(folder: Path, walks: list[Walk]) -> Path:
    """Dreamer's."""
    (folder / "replay").mkdir()
    for number, each in enumerate(walks):
        count = len(each.frames)
        np.savez_compressed(
            folder / f"replay/20260101T0000{number:02d}-abc-{count}.npz",
            image=each.frames,
            action=np.concatenate([np.zeros((1, 2), np.float32), each.actions[:-1]]),
            position=each.state,
            reward=np.arange(count, dtype=np.float32),
            is_first=np.arange(count) == 0,
            is_last=np.arange(count) == count - 1,
        )
    return folder / "replay"


def lerobot(folder: Path, walks: list[Walk]) -> Path:
    """Version 2.1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tests.data.readers.video import write_video

    root, key, vector = folder / "lerobot", "observation.images.front", {"dtype": "float32", "names": None}
    side = walks[0].frames.shape[1]
    (root / "meta").mkdir(parents=True)
    (root / "data/chunk-000").mkdir(parents=True)
    info = {
        "codebase_version": "v2.1",
        "total_episodes": len(walks),
        "chunks_size": 1000,
        "fps": 10,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            key: {"dtype": "video", "shape": [side, side, 3], "names": ["height", "width", "channels"]},
            "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["pan", "grip"]}},
            "observation.state": {**vector, "shape": [3]},
        },
    }
    (root / "meta/info.json").write_text(json.dumps(info))
    lines = [json.dumps({"episode_index": i, "length": len(each.frames)}) for i, each in enumerate(walks)]
    (root / "meta/episodes.jsonl").write_text("\n".join(lines) + "\n")
    for number, each in enumerate(walks):
        columns: dict[str, Any] = {
            "action": each.actions.tolist(),
            "observation.state": each.state.tolist(),
            "timestamp": [time / 10 for time in range(len(each.frames))],
            "episode_index": [number] * len(each.frames),
        }
        pq.write_table(pa.table(columns), root / f"data/chunk-000/episode_{number:06d}.parquet")
        write_video(root / f"videos/chunk-000/{key}/episode_{number:06d}.mp4", each.frames)
    return root


def minari(folder: Path, walks: list[Walk]) -> Path:
    """Three choices, in Minari's own files."""
    import gymnasium
    import minari as library
    import pytest
    from minari.data_collector import EpisodeBuffer

    buffers = [
        EpisodeBuffer(
            id=number,
            observations=each.frames,
            actions=np.arange(len(each.frames) - 1) % 3,
            rewards=[0.0] * (len(each.frames) - 1),
            terminations=[False] * (len(each.frames) - 1),
            truncations=[False] * (len(each.frames) - 2) + [True],
            infos={},
        )
        for number, each in enumerate(walks)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
        library.create_dataset_from_buffers(
            "test/walk-v0",
            buffers,
            observation_space=gymnasium.spaces.Box(0, 255, walks[0].frames.shape[1:], np.uint8),
            action_space=gymnasium.spaces.Discrete(3),
            data_format="hdf5",
            algorithm_name="none",
            author="none",
            author_email="none@example.org",
            code_permalink="none",
        )
    return folder / "minari/test/walk-v0"


def videos(folder: Path, walks: list[Walk]) -> Path:
    """Each with its actions in a CSV."""
    from tests.data.readers.video import write_video

    for number, each in enumerate(walks):
        write_video(folder / f"videos/clip_{number}.mp4", each.frames)
        rows = [f"{time},{x},{y}" for time, (x, y) in enumerate(each.actions)]
        (folder / f"videos/clip_{number}.csv").write_text("\n".join(["frame,action_x,action_y", *rows]) + "\n")
    return folder / "videos"


def shards(folder: Path, walks: list[Walk]) -> Path:
    """A frame in each sample."""
    import webdataset

    (folder / "shards").mkdir()
    with webdataset.TarWriter(str(folder / "shards/shard-000000.tar")) as writer:
        for number, each in enumerate(walks):
            for time in range(len(each.frames)):
                writer.write(
                    {
                        "__key__": f"episode_{number:03d}/{time:05d}",
                        "png": each.frames[time],
                        "action.npy": each.actions[time],
                        "json": {"reward": float(time)},
                    }
                )
    return folder / "shards"


WRITERS: list[Writer] = [own, images, hdf5, replay, lerobot, minari, videos, shards]
WITH_POSITION = (own, hdf5, replay)
"""Those that keep one, as truth."""
