"""The lock file: the stops and path counts of each loss at each setting, as they were when somebody agreed to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audits.contract.document import read_text
from audits.contract.mistakes import shown
from audits.errors import AuditError
from audits.result import Flow

VERSION = 1
DEFAULT = "default"
LARGEST = 2**63


@dataclass(frozen=True)
class Entry:
    """What is locked of one loss at one setting."""

    paths: Mapping[str, int | None]
    """By module, those with a path; None where paths cannot be counted."""
    stops: tuple[str, ...]
    """Keys of the places where its gradient is stopped on purpose, sorted."""

    @staticmethod
    def of(flow: Flow, loss: str, modules: Iterable[str]) -> Entry:
        """What was measured."""
        paths = {module: flow.cells[loss, module].paths for module in modules if flow.cells[loss, module].paths != 0}
        deliberate = {stop.place.key for stop in flow.stops.get(loss, ()) if stop.kind.deliberate}
        return Entry(paths, tuple(sorted(deliberate)))


@dataclass(frozen=True)
class Lock:
    """A lock file."""

    path: Path
    target: str
    torch: str
    shape: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Entry]]
    """By label, then by loss."""

    def entry(self, label: str, loss: str) -> Entry | None:
        """None where the lock file has nothing on it."""
        return self.settings.get(label, {}).get(loss)

    @cached_property
    def stops(self) -> frozenset[str]:
        """Keys of all places, of whatever loss at whatever setting."""
        return frozenset(key for entries in self.settings.values() for entry in entries.values() for key in entry.stops)

    @property
    def text(self) -> str:
        """The file: a line for each entry, but none for one that equals the loss's entry at the default setting."""
        head = {"version": VERSION, "target": self.target, "torch": self.torch, "shape": dict(self.shape)}
        lines = [f"  {_json(key)}: {_json(value)}" for key, value in head.items()]
        settings = [f"    {_json(label)}: {_block(self._told(label))}" for label in self.settings]
        return "{\n" + ",\n".join(lines) + ',\n  "settings": {\n' + ",\n".join(settings) + "\n  }\n}\n"

    def _told(self, label: str) -> Iterable[str]:
        for loss, entry in self.settings[label].items():
            if label == DEFAULT or entry != self.entry(DEFAULT, loss):
                paths = {module: _written(count) for module, count in entry.paths.items()}
                yield f"      {_json(loss)}: {_json({'paths': paths, 'stops': entry.stops})}"


def lock_path(document: Path) -> Path:
    """``gradient_flow.lock.json`` beside ``gradient_flow.md``."""
    return document.with_suffix(".lock.json")


def read_lock(path: Path) -> Lock | None:
    """The lock file at this path, or None if there is none. Raises AuditError for one that cannot be read."""
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        remedy = "restore it, or delete it and run with --update"
        raise AuditError(f"{shown(path)}{line}: expected JSON, found {error}: {remedy}") from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        text = f"expected version {VERSION} of the lock file, found {version!r}: delete it and run with --update"
        raise AuditError(f"{shown(path)}: {text}")
    return _lock(path, content)


def _lock(path: Path, content: Mapping[str, Any]) -> Lock:
    try:
        told = {
            label: {loss: _entry(values) for loss, values in entries.items()}
            for label, entries in content["settings"].items()
        }
        settings = {label: told.get(DEFAULT, {}) | entries for label, entries in told.items()}
        return Lock(path, content["target"], content["torch"], dict(content["shape"]), settings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        expected = "expected target, torch, shape and settings with paths and stops"
        found = f"no {error}" if isinstance(error, KeyError) else str(error)
        remedy = "restore it, or delete it and run with --update"
        raise AuditError(f"{shown(path)}: {expected}, found {found}: {remedy}") from error


def _entry(values: Mapping[str, Any]) -> Entry:
    return Entry({module: _count(count) for module, count in values["paths"].items()}, tuple(values["stops"]))


def _count(value: Any) -> int | None:
    if not isinstance(value, int | str | None):
        raise TypeError(f"{value!r} is no number of paths")
    return int(value, 16) if isinstance(value, str) else value


def _written(count: int | None) -> int | str | None:
    """Large numbers as hexadecimal text: Python refuses to write or read thousands of decimal digits."""
    return hex(count) if count is not None and count > LARGEST else count


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(lines: Iterable[str]) -> str:
    lines = ",\n".join(lines)
    return f"{{\n{lines}\n    }}" if lines else "{}"
