"""How long a folder of 100,000 episodes takes to open, with its index.

python -m benchmarks.many_episodes [COUNT]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from jepa_world_model.data import EpisodeFolder
from jepa_world_model.data.dataset_json import write_info
from jepa_world_model.data.episode_index import episode_name, write_index
from jepa_world_model.data.spec import ActionKind, DataSpec

COUNT = 100_000
LINKS = 30_000
"""Names that one file may have on common file systems."""


def main(count: int = COUNT) -> None:
    """Episodes are links to the same two files: what is measured is their number."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "set"
        folder.mkdir()
        for number in range(count):
            if number % LINKS == 0:
                frames, actions = (Path(root) / f"{name}{number}.npy" for name in ("frames", "actions"))
                np.save(frames, np.zeros((2, 4, 4, 3), np.uint8))
                np.save(actions, np.zeros((2, 1), np.float32))
            episode = folder / episode_name(number)
            episode.mkdir()
            os.link(frames, episode / "frames.npy")
            os.link(actions, episode / "actions.npy")
        write_info(folder, DataSpec(4, 3, 1, ActionKind.REAL), {})
        write_index(folder, [2] * count)
        for _ in range(3):
            start, used = time.perf_counter(), time.process_time()
            opened = EpisodeFolder(folder)
            taken, used = time.perf_counter() - start, time.process_time() - used
            print(f"{len(opened):,} episodes opened in {taken:.2f} s ({used:.2f} s of the CPU)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
