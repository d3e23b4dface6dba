"""Files that a command writes: whole or not at all, and only where a file may be."""

from __future__ import annotations

import os
from pathlib import Path

from audits import AuditError


def check_writable(option: str, path: Path) -> None:
    """Raises AuditError for a folder, a device that a file would take the place of, or a folder that is not there."""
    if path.is_dir():
        raise AuditError(f"{option} {path}: expected a file, found a folder: name a file in it")
    if path.exists() and not path.is_file():
        raise AuditError(f"{option} {path}: expected a file, found a device or a pipe: name a file, or leave it out")
    if not path.absolute().parent.is_dir():
        raise AuditError(f"{option} {path}: folder {path.parent} does not exist")


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, a link's target. Raises AuditError when the system refuses."""
    file = path.resolve()
    part = file.with_name(file.name + ".part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, file)
    except OSError as error:
        raise AuditError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
