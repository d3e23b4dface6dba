"""The files of one episode on disk: checked by their headers when a set is opened, mapped when it is read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.npy_file import NpyHeader, read_header
from jepa_world_model.errors import UserError

FRAMES, ACTIONS, TRUTH_PREFIX = "frames.npy", "actions.npy", "truth_"


@dataclass(frozen=True)
class EpisodeFiles:
    """One checked episode folder: T frames of image_shape [H, W, C], actions [T or T-1, action_width]."""

    folder: Path
    length: int
    image_shape: tuple[int, int, int]
    action_width: int
    truth_names: tuple[str, ...]

    def read_actions(self) -> np.ndarray:
        """Read the actions as float32 [T, A]."""
        return pad_actions(np.load(self.folder / ACTIONS, allow_pickle=False), self.length)

    def open(self) -> Episode:
        """Map the frames, read the actions; truth is read when it is asked for."""
        frames = np.load(self.folder / FRAMES, mmap_mode="r", allow_pickle=False)
        return Episode(frames, self.read_actions(), TruthFiles(self.folder, self.truth_names))


@dataclass(frozen=True)
class TruthFiles(Mapping[str, np.ndarray]):
    """The arrays of the files ``truth_<name>.npy`` of a folder, each read when it is looked up."""

    folder: Path
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise KeyError(name)
        return np.load(_truth_path(self.folder, name), allow_pickle=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def inspect_episode(folder: Path) -> EpisodeFiles:
    """Check one episode folder by the headers of its files. Raises UserError that names the file at fault."""
    frames = read_header(folder / FRAMES)
    _check_frames(folder / FRAMES, frames)
    length, *image_shape = frames.shape
    actions = read_header(folder / ACTIONS)
    _check_actions(folder / ACTIONS, actions, length)
    names = sorted(path.stem.removeprefix(TRUTH_PREFIX) for path in folder.glob(f"{TRUTH_PREFIX}*.npy"))
    for name in names:
        _check_truth(_truth_path(folder, name), length)
    height, width, channels = image_shape
    return EpisodeFiles(folder, length, (height, width, channels), actions.shape[1], tuple(names))


def save_episode(folder: Path, episode: Episode) -> None:
    """Write the files of one episode into an existing folder. Raises OSError."""
    np.save(folder / FRAMES, episode.frames)
    np.save(folder / ACTIONS, episode.actions)
    for name, values in episode.truth.items():
        np.save(_truth_path(folder, name), values)


def save_blocks(
    folder: Path,
    shape: tuple[int, ...],
    fill: Callable[[np.ndarray], None],
    actions: np.ndarray,
    truth: Mapping[str, Callable[[], np.ndarray]],
) -> None:
    """As `save_episode`, of frames that `fill` writes into a map of the file, so that they need not fit in memory."""
    frames = np.lib.format.open_memmap(folder / FRAMES, mode="w+", dtype=np.uint8, shape=shape)
    fill(frames)
    frames.flush()
    np.save(folder / ACTIONS, actions)
    for name, values in truth.items():
        np.save(_truth_path(folder, name), values())


def pad_actions(actions: np.ndarray, length: int) -> np.ndarray:
    """Return float32 actions [length, A]; when the unused last action was not recorded, it is added as zeros."""
    padded = np.zeros((length, actions.shape[1]), dtype=np.float32)
    padded[: len(actions)] = actions
    return padded


def _truth_path(folder: Path, name: str) -> Path:
    return folder / f"{TRUTH_PREFIX}{name}.npy"


def _check_frames(path: Path, header: NpyHeader) -> None:
    shape, expected = header.shape, "expected frames [T, H, W, C] with H = W and at least one frame"
    if header.dtype != np.uint8:
        raise UserError(
            f"{path}: expected frames of dtype uint8, found {header.dtype}; "
            "convert them, for instance (255 * frames).round().astype(numpy.uint8) for values in [0, 1]"
        )
    if len(shape) != 4 or 0 in shape:
        raise UserError(f"{path}: {expected}, found shape {shape}; grey images have C = 1")
    if shape[1] != shape[2]:
        hint = "move the channels last" if shape[2] == shape[3] else "resize or crop them to squares"
        raise UserError(f"{path}: {expected}, found shape {shape}; {hint}")


def _check_actions(path: Path, header: NpyHeader, length: int) -> None:
    shape = header.shape
    if header.dtype.kind not in "biuf":
        raise UserError(f"{path}: expected actions of a real number type, found {header.dtype}; save them as float32")
    if len(shape) != 2 or shape[1] == 0:
        raise UserError(
            f"{path}: expected actions [T, A], found shape {shape}; "
            "turn n discrete choices into rows with numpy.eye(n)[choices]"
        )
    if shape[0] not in (length, length - 1):
        raise UserError(
            f"{path}: expected {length} actions for the {length} frames of {FRAMES} (or {length - 1}, without the "
            f"unused last one), found {shape[0]}; action t is the one taken at frame t"
        )


def _check_truth(path: Path, length: int) -> None:
    shape = read_header(path).shape
    if not shape or shape[0] != length:
        raise UserError(f"{path}: expected one row for each of the {length} frames, found shape {shape}")
