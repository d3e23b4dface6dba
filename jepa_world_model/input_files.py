"""Files of the user: anything but a file is refused before it is opened, since opening a pipe would block."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audits.files import kind
from jepa_world_model.errors import UserError, shown


def check_file(path: Path, what: str = "a file") -> None:
    """Raises UserError, naming the path, unless it leads to a plain file that may be read."""
    with readable(path):
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: expected {what}, found {kind(found.st_mode)}")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: cannot be read (Permission denied)")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raises UserError, naming the path, for what the system refuses: nothing there, no permission, a circle of links,
    a name that is too long."""
    try:
        yield
    except FileNotFoundError as error:
        what = "leads to nothing" if path.is_symlink() else "does not exist"
        raise UserError(f"{path}: {what}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def visible_folders(folder: Path) -> list[Path]:
    """The sub-folders of a folder, but for hidden ones.

    Raises UserError, naming it, for one that may not be looked into. `Path.glob` would pass over it without a word.
    """
    with readable(folder):
        found = [path for path in folder.iterdir() if path.name[0] != "." and path.is_dir()]
    for path in found:
        with readable(path):
            if first := next(path.iterdir(), None):
                first.lstat()
    return found


def expanded(text: str) -> Path:
    """A path as the user typed it. Raises UserError for a null character, and for ~ with an unknown user."""
    if "\0" in text:
        raise UserError(f"{text!r}: is no path, it holds a null character")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(f"{text}: {str(error)[:1].lower()}{str(error)[1:]}") from error


def parse_json(content: str | bytes) -> Any:
    """The content of a JSON text of the user. Raises ValueError if it cannot be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def json_object(file: Path) -> dict[str, Any]:
    """What a JSON file of the user holds. Raises UserError, naming it, for anything but an object."""
    check_file(file)
    try:
        with readable(file):
            content = parse_json(file.read_bytes())
    except ValueError as error:
        raise UserError(f"{file}: expected JSON, found a syntax error ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a JSON object, found {shown(content)}")
    return content
