"""The open on-disk format, read by memory map: a set larger than memory trains like a small one."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from jepa_world_model.data.dataset_json import DATASET_JSON, DatasetInfo, read_info
from jepa_world_model.data.episode_files import ACTIONS, FRAMES, EpisodeFiles, inspect_episode
from jepa_world_model.data.episode_index import INDEX, IndexedEpisodes, episode_name, read_lengths
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.data.spec import ActionKind, DataSpec, infer_action_kind
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import readable

EPISODE_PATTERN = "episode_*"
MAX_OPEN = 128  # each open episode holds one file descriptor; some systems allow a process 256


class EpisodeFolder:
    """The episodes of a folder in the open format. Opening it reads headers only.

    At most ``max_open`` episodes stay mapped, those used last. Raises UserError that names the file at fault.
    """

    def __init__(self, folder: str | Path, *, max_open: int = MAX_OPEN) -> None:
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        self._files = _files(self.folder)
        self.info = read_info(self.folder)
        self.notes = tuple(map(str, self.info.origin.get("notes", ())))
        if isinstance(self._files, IndexedEpisodes):
            self.lengths = self._files.lengths
        else:
            _check_alike(self._files)
            self.lengths = np.array([files.length for files in self._files], dtype=np.int64)
        self.spec = _spec(self.folder, self._files, self.info)
        self._open = lru_cache(maxsize=max_open)(self._map)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> Episode:
        return self._open(range(len(self))[index])  # a negative index and its positive twin share one map

    def place(self, index: int, file: str = "") -> str:
        """Where an episode comes from: its folder, or a file in it; or the file that it was converted from."""
        places = self.info.origin.get("places")
        if isinstance(places, list) and len(places) == len(self):
            return str(places[index])
        return str(self._files[index].folder / file)

    def _map(self, index: int) -> Episode:
        files = self._files[index]
        try:
            if isinstance(self._files, IndexedEpisodes) and inspect_episode(files.folder) != files:
                raise UserError(
                    f"{files.folder}: is not as {INDEX} says; remove that file, and the folder is looked at anew"
                )
            return files.open()
        except (OSError, ValueError) as error:
            raise UserError(f"{files.folder}: changed or removed since the data set was opened ({error})") from error


def _files(folder: Path) -> Sequence[EpisodeFiles]:
    """From the index, or by a look into each episode."""
    with readable(folder):
        lengths = read_lengths(folder) if folder.is_dir() else None
    if lengths is not None:
        return IndexedEpisodes(folder, lengths, inspect_episode(folder / episode_name(0)))
    return [inspect_episode(path) for path in episode_folders(folder)]


def episode_folders(folder: Path) -> list[Path]:
    """The sub-folders of episodes, in order. Raises UserError where there are none."""
    with readable(folder):
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder")
        found = sorted((path for path in folder.glob(EPISODE_PATTERN) if path.is_dir()), key=natural_order)
    if not found:
        raise UserError(
            f"{folder}: no episodes found; expected sub-folders {EPISODE_PATTERN}, each with {FRAMES} and {ACTIONS}"
        )
    return found


def _check_alike(episodes: Sequence[EpisodeFiles]) -> None:
    first = episodes[0]
    for other in episodes[1:]:
        if other.image_shape != first.image_shape:
            raise UserError(
                f"{other.folder / FRAMES}: expected frames {first.image_shape} as in {first.folder / FRAMES}, "
                f"found {other.image_shape}; give all episodes one size"
            )
        if other.action_width != first.action_width:
            raise UserError(
                f"{other.folder / ACTIONS}: expected actions of width {first.action_width} as in "
                f"{first.folder / ACTIONS}, found width {other.action_width}"
            )


def _spec(folder: Path, episodes: Sequence[EpisodeFiles], info: DatasetInfo) -> DataSpec:
    """Join what the files hold with what dataset.json says. Raises UserError where they disagree."""
    size, _, channels = episodes[0].image_shape
    width = episodes[0].action_width
    for key, said, held in (("image_size", info.image_size, size), ("channels", info.channels, channels)):
        if said not in (None, held):
            raise UserError(f'{folder / DATASET_JSON}: "{key}" is {said}, but the frames have {held}; correct the file')
    if info.action_names and len(info.action_names) != width:
        raise UserError(
            f'{folder / DATASET_JSON}: expected {width} "action_names", one for each column of {ACTIONS}, '
            f"found {len(info.action_names)}"
        )
    kind: ActionKind = info.action_kind or infer_action_kind(files.read_actions() for files in episodes)
    return DataSpec(size, channels, width, kind, info.action_names)
