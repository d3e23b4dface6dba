"""Replay buffers as .npz files: an episode each, or more, as Dreamer writes them."""

from __future__ import annotations

from pathlib import Path

from jepa_world_model.data.actions_npz import ACTIONS_NPZ
from jepa_world_model.data.readers.assemble import assemble
from jepa_world_model.data.readers.looking import below
from jepa_world_model.data.readers.npz_file import arrays_of
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.data.readers.tables import episodes_of
from jepa_world_model.data.readers.video_file import SUFFIXES as VIDEOS
from jepa_world_model.errors import UserError

FORMAT = "replay npz"
SUFFIXES = (".npz",)


def files_of(path: Path) -> list[Path]:
    """Archives at or below a path; those of a folder of images are none."""
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    found = below(path, SUFFIXES)
    beside_videos = any(each.suffix.lower() in VIDEOS for file in found[:1] for each in file.parent.iterdir())
    return [] if beside_videos or all(file.name == ACTIONS_NPZ for file in found) else found


def read(path: Path, files: list[Path]) -> RawSet:
    """Raises UserError that names the file and the array."""
    found = []
    for file in files:
        arrays = arrays_of(file)
        if not arrays:
            raise UserError(f"{file}: expected arrays of pictures and actions, found none")
        found.extend(episodes_of(str(file), arrays))
    return assemble(FORMAT, path, files, found, may_lead_to=True)
