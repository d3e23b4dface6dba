"""Where a command may write a file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from audits.errors import AuditError
from jepa_cli.terminal.command import BAD_INPUT, fail


def check_current_folder() -> None:
    """Ends the command where its folder is gone: what torch loads would end it without a word of ours."""
    try:
        os.getcwd()
    except OSError:
        fail("the current folder was removed, or may not be read: change to another one", BAD_INPUT)


def check_writable(option: str, path: Path) -> None:
    """Raises AuditError unless a file can be there: for a folder, a device or a pipe, a folder that does not exist."""
    from audits.files import explained

    with explained(path):  # a name that is too long, a folder that may not be searched
        if path.is_symlink() and not path.exists():
            _check_link(option, path)
        is_folder, is_special = path.is_dir(), path.exists() and not path.is_file()
        has_folder = path.absolute().parent.is_dir()
    if is_folder:
        raise AuditError(f"{option} {path}: expected a file, found a folder: name a file in it")
    if is_special:
        raise AuditError(f"{option} {path}: expected a file, found a device or a pipe: name a file, or leave it out")
    if not has_folder:
        raise AuditError(f"{option} {path}: folder {path.parent} does not exist")


def _check_link(option: str, path: Path) -> None:
    """Raises AuditError for links that lead to each other; one that leads to nothing yet is followed."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise AuditError(f"{option} {path}: is a link that leads to itself") from error
