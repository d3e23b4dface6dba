"""metrics.jsonl of any size: its end read from the end, its rare rows without parsing the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audits.files import open_file
from jepa_world_model.runs.untrusted import read_rows

TRAIN, VALIDATION, ALARM = "train", "validation", "alarm"
TRAIN_LINE = b'{"split": "train"'
"""How the line of a training step begins: nearly all lines do."""
CHUNK = 1 << 16
POINTS = 2000

Row = dict[str, Any]


@dataclass
class History:
    """The course of a run."""

    train: list[Row] = field(default_factory=list)
    """Evenly thinned out."""
    validations: list[Row] = field(default_factory=list)

    def names(self, kind: str) -> list[str]:
        """All `losses` or `vitals` that were ever measured."""
        return list(dict.fromkeys(name for row in self.validations + self.train for name in row.get(kind, {})))

    def held_out(self, kind: str, name: str) -> dict[int, float]:
        """One of the `losses` or `vitals` on held-out trajectories, by step."""
        return {row["step"]: row[kind][name] for row in self.validations if name in row[kind]}

    def trained(self, name: str) -> dict[int, float]:
        """A loss while training, by step."""
        return {row["step"]: row["losses"][name] for row in self.train if name in row["losses"]}


def history(metrics: Path, points: int = POINTS) -> History:
    """The whole file, with at most so many rows of training. A file that is not there is an empty one."""
    found, kept, every, seen = History(), [], 1, 0
    for line in _lines(metrics):
        if not line.startswith(TRAIN_LINE):
            found.validations += [row for row in read_rows([line]) if row["split"] == VALIDATION]
            continue
        if seen % every == 0:
            kept.append(line)
        seen += 1
        if len(kept) == points:
            kept, every = kept[::2], every * 2
    found.train = list(read_rows(kept))
    return found


def rare_rows(metrics: Path, start: int = 0) -> Iterator[Row]:
    """Validations and alarms from a byte of the file on."""
    return read_rows(line for line in _lines(metrics, start) if not line.startswith(TRAIN_LINE))


def all_rows(metrics: Path) -> list[Row]:
    """The whole file."""
    return list(read_rows(_lines(metrics)))


def newest(metrics: Path, split: str | None = None) -> Row | None:
    """The last whole row, of any kind or of one."""
    rows = read_rows(
        line for line in _lines_from_the_end(metrics) if split in (None, TRAIN) or not line.startswith(TRAIN_LINE)
    )
    return next((row for row in rows if split in (None, row["split"])), None)


def _lines(file: Path, start: int = 0) -> Iterator[bytes]:
    with suppress(OSError), open_file(file) as lines:
        lines.seek(start)
        yield from lines


def _lines_from_the_end(file: Path) -> Iterator[bytes]:
    with suppress(OSError), open_file(file) as content:
        end, rest = content.seek(0, os.SEEK_END), b""
        while end:
            size = min(CHUNK, end)
            end -= size
            content.seek(end)
            rest, *lines = (content.read(size) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest
