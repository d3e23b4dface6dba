"""Whether there is memory for what is asked for: said before it is gone, with what it would need and what there is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jepa_world_model.errors import UserError

MOST_SHOWN = 1 << 60
UNIFIED = ("memory.max", "memory.current", "inactive_file")
SEPARATE = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
"""Both versions of control groups: files with the limit and what is taken, and what of that is given back at once."""
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Raises UserError where `needed` bytes, which is estimated too low rather than too high, are not available."""
    there = available()
    if there is not None and needed > there:
        raise UserError(f"{what} would need {shown(needed)} of memory at least, {shown(there)} are available: {remedy}")


def check_disk(what: str, needed: int, folder: Path, remedy: str) -> None:
    """Raises UserError where the disk of a folder, which need not be there yet, has not so many bytes left."""
    there = next((path for path in (folder, *folder.absolute().parents) if path.is_dir()), None)
    free = shutil.disk_usage(there).free if there else needed
    if needed > free:
        raise UserError(f"{what} would need {shown(needed)} on the disk at least, {shown(free)} are free: {remedy}")


def available() -> int | None:
    """Bytes that this process may still take; None where the system does not say."""
    return min(_limits(), default=None)


def shown(size: int) -> str:
    """``1.5 GB``"""
    if size >= MOST_SHOWN:
        return f"more than {shown(MOST_SHOWN - 1)}"
    power = min((max(size, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{size / (1 << 10 * power):.3g} {UNITS[power]}"


def _limits() -> Iterator[int]:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) << 10
    yield from control_group_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    with suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            yield max(limit - taken, 0)


def control_group_limits(membership: Path, mounted: Path) -> Iterator[int]:
    """What each control group of this process leaves, a container's among them; files that were only read are free.

    `membership` has a line for each hierarchy, ``0::/jobs/12`` or ``4:memory:/jobs/12``; `mounted` has the folders.
    """
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except (OSError, ValueError):
        return
    for number, controllers, group in (line for line in lines if len(line) == 3):
        if number != "0" and "memory" not in controllers.split(","):
            continue
        folder, names = (mounted, UNIFIED) if number == "0" else (mounted / "memory", SEPARATE)
        within = Path(group.lstrip("/"))
        for each in (within, *within.parents):
            with suppress(OSError, ValueError):
                yield _left(folder / each, names)


def _left(folder: Path, names: tuple[str, str, str]) -> int:
    """Raises ValueError where there is no limit, and OSError where the folder says nothing."""
    limit, taken, read_only = names
    told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    used = int((folder / taken).read_text()) - int(told.get(read_only, 0))
    return max(int((folder / limit).read_text()) - used, 0)
