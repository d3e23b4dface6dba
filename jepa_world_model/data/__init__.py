"""Where frames and actions come from: embedded worlds, the open on-disk format, folders of images."""

from collections.abc import Callable
from dataclasses import replace

from jepa_world_model.data.actions_npz import ACTIONS_NPZ
from jepa_world_model.data.dataset_json import DATASET_JSON
from jepa_world_model.data.episode_files import ACTIONS, FRAMES
from jepa_world_model.data.episode_folder import EPISODE_PATTERN, EpisodeFolder
from jepa_world_model.data.episodes import Episode, EpisodeList, EpisodeSource, split_episodes
from jepa_world_model.data.grid_world import EMBEDDED, generate
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
    on_progress: Callable[[int, int], None] | None = None,
) -> EpisodeSource:
    """Open the data set that ``source`` names: an embedded world, or a folder in one of the two known layouts.

    ``episodes``, ``episode_length`` and ``seed`` matter to embedded worlds only. ``action_kind`` other than "auto"
    overrides what the data set says. ``on_progress(done, total)`` follows the decoding of image folders. Raises
    UserError, with what was expected, found and can be done.
    """
    kind = None if action_kind == "auto" else parse_action_kind(action_kind)
    if source in EMBEDDED:
        opened: EpisodeSource = generate(source, episodes, episode_length, seed, image_size)
    else:
        opened = _open_folder(source, image_size, on_progress)
    if kind is not None:
        opened.spec = replace(opened.spec, action_kind=kind)
    return opened


def _open_folder(source: str, image_size: int, on_progress: Callable[[int, int], None] | None) -> EpisodeSource:
    folder = expanded(source)
    with readable(folder):
        is_folder = folder.is_dir()
        if is_folder:
            next(folder.iterdir(), None)  # a folder that may not be listed says so here
    if not is_folder:
        hint = nearest(source, EMBEDDED, otherwise="")
        message = f"unknown data source {source!r}: neither a folder nor one of {', '.join(EMBEDDED)}. {hint}"
        raise UserError(message.rstrip())
    if (folder / DATASET_JSON).exists() or any(folder.glob(f"*/{FRAMES}")):
        return _check_image_size(EpisodeFolder(folder), image_size)
    if any(folder.glob(f"*/{ACTIONS_NPZ}")):
        from jepa_world_model.data.image_folders import open_image_folders

        return open_image_folders(folder, image_size, on_progress)
    single = (folder / FRAMES).exists() or (folder / ACTIONS_NPZ).exists()
    hint = ". This looks like one trajectory: name the folder above it" if single else ""
    raise UserError(
        f"{folder}: no episodes found; expected sub-folders {EPISODE_PATTERN} with {FRAMES} and {ACTIONS} "
        f"(next to {DATASET_JSON}), or with numbered images and {ACTIONS_NPZ}{hint}"
    )


def _check_image_size(opened: EpisodeFolder, image_size: int) -> EpisodeFolder:
    found = opened.spec.image_size
    if found != image_size:
        raise UserError(
            f"{opened.folder}: expected frames of {image_size}x{image_size} (model.image_size), found {found}x{found}; "
            f"use --set model.image_size={found}, or collect them again with --size {image_size}"
        )
    return opened
