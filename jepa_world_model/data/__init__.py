"""Where frames and actions come from: embedded worlds, the open on-disk format, and other formats by their readers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from jepa_world_model.data.dataset_json import DATASET_JSON
from jepa_world_model.data.episode_files import FRAMES
from jepa_world_model.data.episode_folder import EPISODE_PATTERN, EpisodeFolder
from jepa_world_model.data.episodes import Episode, EpisodeList, EpisodeSource, split_episodes
from jepa_world_model.data.grid_world import EMBEDDED, generate
from jepa_world_model.data.npy_file import read_header
from jepa_world_model.data.spec import ActionKind, DataSpec, parse_action_kind
from jepa_world_model.errors import UserError, nearest
from jepa_world_model.input_files import expanded, readable

__all__ = [
    "EMBEDDED",
    "ActionKind",
    "DataSpec",
    "Episode",
    "EpisodeFolder",
    "EpisodeList",
    "EpisodeSource",
    "generate",
    "open_source",
    "split_episodes",
]


def open_source(
    source: str,
    *,
    image_size: int,
    episodes: int,
    episode_length: int,
    seed: int,
    action_kind: str = "auto",
    cameras: Sequence[str] = (),
    fit: str = "letterbox",
    on_progress: Callable[[int, int], None] | None = None,
) -> EpisodeSource:
    """Open the data set that ``source`` names: an embedded world, or a file or folder in any known format.

    ``episodes``, ``episode_length`` and ``seed`` matter to embedded worlds only, ``cameras`` and ``fit`` to data that
    is converted to frames of ``image_size``. ``action_kind`` other than "auto" overrides what the data set says.
    ``on_progress(done, total)`` follows the conversion. Raises UserError: what was expected, found and can be done.
    """
    kind = None if action_kind == "auto" else parse_action_kind(action_kind)
    if source in EMBEDDED:
        opened: EpisodeSource = generate(source, episodes, episode_length, seed, image_size)
    else:
        opened = _open_path(source, image_size, tuple(cameras), fit, on_progress)
    if kind is not None:
        opened.spec = replace(opened.spec, action_kind=kind)
    return opened


def existing(source: str) -> Path:
    """The path that ``source`` names. Raises UserError where there is nothing, or nothing that may be read."""
    path = expanded(source)
    with readable(path):
        is_there = path.is_dir() or path.is_file()
        if path.is_dir():
            next(path.iterdir(), None)  # a folder that may not be listed says so here
    if not is_there:
        hint = nearest(source, EMBEDDED, otherwise="")
        message = f"unknown data source {source!r}: neither a folder nor one of {', '.join(EMBEDDED)}. {hint}"
        raise UserError(message.rstrip())
    return path


def _open_path(
    source: str, image_size: int, cameras: tuple[str, ...], fit: str, on_progress: Callable[[int, int], None] | None
) -> EpisodeSource:
    path = existing(source)
    if is_open_format(path):
        return _check_image_size(EpisodeFolder(path), image_size)
    from jepa_world_model.data.readers.cache import open_cached
    from jepa_world_model.data.readers.registry import reader_of
    from jepa_world_model.data.readers.shaping import Shaping

    return open_cached(path, *reader_of(path), Shaping(image_size, fit, cameras), on_progress)


def is_open_format(path: Path) -> bool:
    """Whether a folder is in the open format, with frames that need no conversion: uint8 squares."""
    if not path.is_dir():
        return False
    first = next(path.glob(f"{EPISODE_PATTERN}/{FRAMES}"), None)
    if first is None:
        return (path / DATASET_JSON).exists() or any(path.glob(f"*/{FRAMES}"))
    try:
        header = read_header(first)
    except UserError:
        return True
    shape = header.shape
    needs_conversion = header.dtype.kind in "biuf" and (
        header.dtype != "uint8" or len(shape) == 3 or (len(shape) == 4 and shape[1] != shape[2])
    )
    return not needs_conversion


def _check_image_size(opened: EpisodeFolder, image_size: int) -> EpisodeFolder:
    found = opened.spec.image_size
    if found != image_size:
        raise UserError(
            f"{opened.folder}: expected frames of {image_size}x{image_size} (model.image_size), found {found}x{found}; "
            f"use --set model.image_size={found}, or collect them again with --size {image_size}"
        )
    return opened
