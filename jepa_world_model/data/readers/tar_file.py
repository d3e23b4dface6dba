"""Members of tar archives, found once and read when they are needed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file

MOST_BYTES = 1 << 30
"""Of one member."""


class Member(NamedTuple):
    """A file in an archive."""

    archive: Path
    name: str
    offset: int
    size: int

    @property
    def where(self) -> str:
        return f"{self.archive}, {self.name}"

    def read(self) -> bytes:
        """Raises UserError for a member that is cut short."""
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) != self.size:
            raise UserError(f"{self.where}: claims {self.size} bytes, found {len(content)}; the archive was cut short")
        return content


def members_of(archive: Path) -> tuple[Member, ...]:
    """All plain files of an archive that is not compressed. Raises UserError for one that is damaged."""
    check_file(archive)
    return _members(archive, archive.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _members(archive: Path, changed: int) -> tuple[Member, ...]:
    """`changed` keeps a file apart from what was there before."""
    try:
        with tarfile.open(archive, "r:") as file:
            return tuple(_plain(archive, file))
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, MemoryError) as error:
        raise UserError(
            f"{archive}: expected a tar archive that is not compressed, found one that is damaged, cut short or "
            f"something else ({error}); unpack or write it again"
        ) from error


def _plain(archive: Path, file: tarfile.TarFile) -> Iterator[Member]:
    there = archive.stat().st_size
    for info in file:
        if not info.isreg() or info.sparse:
            continue
        if info.offset_data + info.size > there:
            raise UserError(
                f"{archive}, {info.name}: claims {info.size} bytes; the archive was cut short: write it again"
            )
        if info.size > MOST_BYTES:
            raise UserError(f"{archive}, {info.name}: is larger than {MOST_BYTES >> 30} GB; split it into episodes")
        yield Member(archive, info.name, info.offset_data, info.size)
