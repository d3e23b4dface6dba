"""The lock file: routes and stops of each loss at each setting, as they were when somebody agreed to them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from audits.contract.derivatives import derivatives
from audits.contract.document import read_text
from audits.contract.mistakes import shown
from audits.errors import AuditError
from audits.result import Flow, Routes

VERSION = 2
COUNTING = 1
"""The version before, which counted paths of autograd."""
DEFAULT = "default"
PARTS = "target, torch, shape, and settings with routes and stops"


@dataclass(frozen=True)
class Entry:
    """What is locked of one loss at one setting."""

    routes: tuple[str, ...] = ()
    """What it compares with what, live or stopped, sorted."""
    stops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By what is stopped on its way to what: the expressions that did it."""
    derivatives: Mapping[str, str] = field(default_factory=dict)
    """By module: how the gradient differs from the derivative, where it does."""

    @staticmethod
    def of(flow: Flow, loss: str, modules: Iterable[str]) -> Entry:
        """What was measured."""
        routes = flow.routes.get(loss, Routes())
        stops = {
            key: tuple(sorted({stop.place.expression for stop in routes.cuts[key]})) for key in sorted(routes.cuts)
        }
        return Entry(routes.terms, stops, derivatives(flow, loss, modules))

    @property
    def expressions(self) -> frozenset[str]:
        """All that stops this loss's gradient."""
        return frozenset(expression for told in self.stops.values() for expression in told)


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
        """All expressions that stop gradient, of whatever loss at whatever setting."""
        entries = (entry for entries in self.settings.values() for entry in entries.values())
        return frozenset().union(*(entry.expressions for entry in entries))

    @property
    def text(self) -> str:
        """The file: a line for each route and stop; no entry that equals the one at the default setting."""
        head = {"version": VERSION, "target": self.target, "torch": self.torch, "shape": dict(self.shape)}
        lines = [f"  {_json(key)}: {_json(value)}" for key, value in head.items()]
        settings = _braced((f"{_json(label)}: {_braced(self._told(label), 4)}" for label in self.settings), 2)
        return "{\n" + ",\n".join([*lines, f'  "settings": {settings}']) + "\n}\n"

    def _told(self, label: str) -> Iterable[str]:
        for loss, entry in self.settings[label].items():
            if label == DEFAULT or entry != self.entry(DEFAULT, loss):
                yield f"{_json(loss)}: {_braced(_entry_lines(entry), 6)}"


def _entry_lines(entry: Entry) -> Iterable[str]:
    yield f'"routes": {_braced(map(_json, entry.routes), 8, "[]")}'
    stops = (f"{_json(key)}: {_json(expressions)}" for key, expressions in entry.stops.items())
    yield f'"stops": {_braced(stops, 8)}'
    if entry.derivatives:
        yield f'"derivatives": {_json(dict(entry.derivatives))}'


def _braced(lines: Iterable[str], indent: int, braces: str = "{}") -> str:
    """One entry a line."""
    space = " " * (indent + 2)
    inside = ",\n".join(f"{space}{line}" for line in lines)
    return f"{braces[0]}\n{inside}\n{' ' * indent}{braces[1]}" if inside else braces


def lock_path(document: Path) -> Path:
    """``gradient_flow.lock.json`` beside ``gradient_flow.md``."""
    return document.with_suffix(".lock.json")


def read_lock(path: Path, *, to_replace: bool = False) -> Lock | None:
    """The lock file at this path, or None if there is none. Raises AuditError for one that cannot be read.

    `to_replace`: a lock of an older version counts as none, since all of it will be written anew.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        remedy = "restore it, or delete it and run with --update"
        raise AuditError(f"{shown(path)}{line}: expected JSON, found {error}: {remedy}") from error
    version = content.get("version") if isinstance(content, dict) else None
    if version == COUNTING and to_replace:
        return None
    if version != VERSION:
        raise AuditError(f"{shown(path)}: {_other_version(version)}")
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
        found = f"no {error}" if isinstance(error, KeyError) else str(error)
        remedy = "restore it, or delete it and run with --update"
        raise AuditError(f"{shown(path)}: expected {PARTS}, found {found}: {remedy}") from error


def _entry(values: Mapping[str, Any]) -> Entry:
    stops = {str(key): _texts(expressions) for key, expressions in values["stops"].items()}
    derived = {str(module): str(text) for module, text in values.get("derivatives", {}).items()}
    return Entry(_texts(values["routes"]), stops, derived)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{values!r} is no list of texts")
    return tuple(values)


def _other_version(version: Any) -> str:
    if version == COUNTING:
        return (
            f"version {COUNTING} of the lock file counts paths of autograd, version {VERSION} has the routes between "
            "modules: at a commit whose gradient flow you trust, audit all losses at all settings with --update"
        )
    return f"expected version {VERSION} of the lock file, found {version!r}: delete it and run with --update"


def _json(value: Any) -> str:
    """JSON that can be written as UTF-8: half a pair of surrogates, which no file can hold, is escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
