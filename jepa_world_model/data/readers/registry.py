"""All readers, in the order in which a path is looked at. A new format is a module and a line here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from jepa_world_model.data.actions_npz import ACTIONS_NPZ
from jepa_world_model.data.dataset_json import DATASET_JSON
from jepa_world_model.data.episode_files import ACTIONS, FRAMES
from jepa_world_model.data.episode_folder import EPISODE_PATTERN
from jepa_world_model.data.readers.raw import RawSet
from jepa_world_model.errors import UserError

MODULES = ("own", "images", "lerobot", "minari", "hdf5", "replay", "videos", "shards")
"""Of this package. The first that recognises a path reads it."""
OTHERS = "HDF5, LeRobot, Minari, a replay (.npz), videos with actions, WebDataset shards (.tar)"


class Reader(Protocol):
    """A module that reads one format."""

    FORMAT: str

    def files_of(self, path: Path) -> list[Path]:
        """Everything that the data depends on; nothing where the path holds another format. Reads no content."""
        ...

    def read(self, path: Path, files: list[Path]) -> RawSet:
        """Raises UserError that names the file."""
        ...


def reader_of(path: Path) -> tuple[Reader, list[Path]]:
    """The reader that recognises a path, and the files that it reads. Raises UserError, with what was expected."""
    for name in MODULES:
        reader = cast(Reader, import_module(f"{__package__}.{name}"))
        if files := reader.files_of(path):
            return reader, files
    if path.is_file():
        raise UserError(f"{path}: is no data set that is known; expected one of {OTHERS}, or a folder")
    single = (path / FRAMES).exists() or (path / ACTIONS_NPZ).exists()
    hint = ". This looks like one trajectory: name the folder above it" if single else ""
    raise UserError(
        f"{path}: no episodes found; expected sub-folders {EPISODE_PATTERN} with {FRAMES} and {ACTIONS} "
        f"(next to {DATASET_JSON}), sub-folders with numbered images and {ACTIONS_NPZ}, or files of another "
        f"known format: {OTHERS}{hint}"
    )
