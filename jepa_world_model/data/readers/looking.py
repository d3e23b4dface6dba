"""Looking at folders and files, without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jepa_world_model.data.natural_order import natural_order
from jepa_world_model.input_files import check_file, readable, visible_folders


def below(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files of these suffixes in a folder, or in its sub-folders where it has none itself. Hidden files do not count.

    Raises UserError for a name that leads to no file.
    """
    found = _files(folder, suffixes)
    if not found:
        found = [path for each in visible_folders(folder) for path in _files(each, suffixes)]
    for path in found:
        check_file(path)
    return sorted(found, key=lambda path: (natural_order(path.parent), natural_order(path)))


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    with readable(folder):
        named = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.name[0] != "."]
        return [path for path in named if not path.is_dir()]


def begins_with(path: Path, signature: bytes) -> bool:
    """Whether the first bytes of a plain file are these."""
    check_file(path)
    with readable(path), path.open("rb") as file:
        return file.read(len(signature)) == signature
