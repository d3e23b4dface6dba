"""What a run folder holds, read as input that nobody vouches for: a wrong type or an absurd number counts as missing.

A run folder may be damaged, edited by hand, of another version, or from somebody else. All that is read of it but its
tensors passes through here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from audits.files import read_file

CHECKPOINT = re.compile(r"step-(\d{1,15})\.safetensors")
LONGEST_WHOLE = 18
LARGEST = 2**53
"""Whole numbers above it are none that a run counts to."""
EARLIEST, LATEST = 1970, 9000
"""Years that times can be computed with."""


def parsed(content: str | bytes) -> Any:
    """JSON; None for what is none, or nested too deeply. A whole number of many digits becomes infinite."""
    with suppress(ValueError, RecursionError):
        return json.loads(content, parse_int=_int)
    return None


def read_object(file: Path) -> dict[str, Any]:
    """The object of a JSON file; empty where there is none that can be read."""
    with suppress(OSError):
        found = parsed(read_file(file))
        return found if isinstance(found, dict) else {}
    return {}


def text(value: Any) -> str:
    """Empty for what is no text."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """A whole number from zero on, such as a step."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return int(value) if 0 <= value <= LARGEST and value == int(value) else None


def number(value: Any) -> float | None:
    """A finite number."""
    return float(value) if is_number(value) and isfinite(value) else None


def is_number(value: Any) -> bool:
    """NaN and infinity are numbers: a loss may be either. One that a float cannot hold is none."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**300)


def numbers(value: Any) -> dict[str, float] | None:
    """Numbers by name, such as losses; None for anything else."""
    if not isinstance(value, dict) or not all(map(is_number, value.values())):
        return None
    return {name: float(each) for name, each in value.items()}


def texts(value: Any) -> list[str]:
    """The texts of a list; empty for anything else."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def moment(value: Any) -> datetime | None:
    """A time as ISO 8601 writes it, in UTC."""
    with suppress(ValueError, OverflowError):
        found = datetime.fromisoformat(text(value))
        if EARLIEST <= found.year <= LATEST:
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return None


def best_of(value: Any) -> tuple[float, int] | None:
    """A weighted sum and its step."""
    if not isinstance(value, list | tuple) or len(value) != 2 or not is_number(value[0]):
        return None
    step = whole(value[1])
    return None if step is None else (float(value[0]), step)


def checkpoint_files(folder: Path) -> dict[int, Path]:
    """By step, the oldest first."""
    found: dict[int, Path] = {}
    with suppress(OSError):
        for file in sorted(folder.iterdir()):
            name = CHECKPOINT.fullmatch(file.name)
            if name and file.is_file():
                found[int(name[1])] = file
    return dict(sorted(found.items()))


def read_rows(lines: Iterator[bytes] | list[bytes]) -> Iterator[dict[str, Any]]:
    """Rows of metrics that are whole: the last line may be torn, and a broken disk tears others."""
    for line in lines:
        row = parsed(line)
        if isinstance(row, dict) and (checked := _row(row)):
            yield checked


def _row(row: Mapping[str, Any]) -> dict[str, Any] | None:
    step, losses = whole(row.get("step")), numbers(row.get("losses"))
    if step is None:
        return None
    match row.get("split"):
        case "train" if losses is not None:
            return {**row, "step": step, "losses": losses}
        case "validation" if losses is not None and (vitals := numbers(row.get("vitals", {}))) is not None:
            return {**row, "step": step, "losses": losses, "vitals": vitals}
        case "alarm" if text(row.get("alarm")):
            return {**row, "step": step}
    return None


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_WHOLE else float(digits)
