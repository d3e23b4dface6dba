"""The settings of a config as plain values: quickly read, and with weights that no training would accept.

A check of weights must be able to look at a weight of NaN. So types, names and limits are checked here, but not the
limits of weights, nor how settings fit together; `config_file.load_config` checks all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jepa_world_model.errors import UserError, listed_mistakes, nearest
from jepa_world_model.record import properties, record
from jepa_world_model.toml_values import apply_override, parse_toml, read_toml

LOSSES, ACCEPT = "losses", "accept"
BOUNDS = {
    "minimum": ("greater than or equal to", lambda value, bound: value >= bound),
    "exclusiveMinimum": ("greater than", lambda value, bound: value > bound),
    "maximum": ("less than or equal to", lambda value, bound: value <= bound),
    "exclusiveMaximum": ("less than", lambda value, bound: value < bound),
}
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Settings:
    """All keys with their values, those that nobody gave at their defaults."""

    name: str
    """Where they come from, in words: ``my.toml``, ``default``."""
    values: Mapping[str, Any]
    """By key, such as ``losses.jepa``."""
    accept: Mapping[str, str] = field(default_factory=dict)
    """By id of a rule: why its finding is meant."""
    file: Path | None = None
    text: str = ""
    """Of the file."""
    overridden: frozenset[str] = frozenset()
    """Keys that the command line gave: they are in no file."""

    @property
    def weights(self) -> dict[str, float]:
        """By loss, in the order of declaration."""
        return {loss: self.values[f"{LOSSES}.{loss}"] for loss in record().losses}

    @property
    def enabled(self) -> list[str]:
        """Losses whose weight is not zero."""
        return [loss for loss, weight in self.weights.items() if weight != 0]

    @property
    def gates(self) -> dict[str, bool]:
        return {gate: self.values[key] for gate, key in record().gates.items()}

    def line_of(self, key: str) -> int | None:
        """Where a key, or a rule that is accepted, stands in the file; None where it does not."""
        return _lines(self.text).get(key) if self.file and key not in self.overridden else None


def default_settings() -> Settings:
    """The project's own."""
    defaults = {key: schema.get("default") for key, schema in properties().items()}
    return Settings(
        "default", {key: tuple(value) if isinstance(value, list) else value for key, value in defaults.items()}
    )


def read_settings(file: Path | None = None, overrides: Iterable[str] = ()) -> Settings:
    """A TOML file, then each `table.key=value` in turn. Raises UserError that lists every mistake."""
    content = file.read_bytes() if file and file.is_file() else b""
    values = read_toml(file) if file else {}
    return _settings(values, list(overrides), file, content.decode("utf-8", "replace"))


def settings_of(content: bytes, name: str) -> Settings:
    """What a file held that may be there no more. Raises UserError that lists every mistake."""
    return _settings(parse_toml(content, name), [], None, "", name)


def _settings(
    given: dict[str, Any], overrides: Sequence[str], file: Path | None, text: str, name: str = ""
) -> Settings:
    mistakes: list[str] = []
    for override in overrides:
        try:
            apply_override(given, override)
        except UserError as mistake:
            mistakes.append(str(mistake))
    accept = _accepted(given.pop(ACCEPT, {}), mistakes)
    values = dict(default_settings().values)
    tables = {key.partition(".")[0] for key in values}
    for table, keys in given.items():
        if table not in tables:
            mistakes.append(
                f"{table}: unknown table. {nearest(table, (*sorted(tables), ACCEPT), otherwise='')}".rstrip(". ")
            )
        elif not isinstance(keys, dict):
            mistakes.append(f"{table}: input should be a table, found {keys!r}")
        else:
            _take(values, table, keys, mistakes)
    if mistakes:
        raise UserError(listed_mistakes(mistakes))
    changed = frozenset(override.partition("=")[0].strip() for override in overrides)
    shown = name or ", ".join([*([str(file)] if file else []), *overrides]) or "default"
    return Settings(shown, values, accept, file, text, changed)


def _take(values: dict[str, Any], table: str, keys: Mapping[str, Any], mistakes: list[str]) -> None:
    for name, value in keys.items():
        key = f"{table}.{name}"
        if key not in values:
            mistakes.append(f"{key}: unknown key. {nearest(key, values, otherwise='')}".rstrip(". "))
            continue
        schema = properties()[key]
        limits = {} if table == LOSSES else {bound: schema[bound] for bound in BOUNDS if bound in schema}
        try:
            values[key] = _checked(value, {**schema, **dict.fromkeys(BOUNDS), **limits})
        except ValueError as error:
            mistakes.append(f"{key}: input should be {error}, found {value!r}")


def _accepted(given: Any, mistakes: list[str]) -> dict[str, str]:
    if not isinstance(given, dict):
        mistakes.append(f"{ACCEPT}: input should be a table, found {given!r}")
        return {}
    for rule, reason in given.items():
        if not isinstance(reason, str) or not reason.strip():
            mistakes.append(f"{ACCEPT}.{rule}: expected the reason in words, found {reason!r}")
    return dict(given)


def _checked(value: Any, schema: Mapping[str, Any]) -> Any:
    """A value as its schema has it. Raises ValueError that says what was expected."""
    if "anyOf" in schema:
        return _any(value, schema["anyOf"])
    found = _converted(value, schema["type"], schema)
    if "enum" in schema and found not in schema["enum"]:
        raise ValueError("one of " + ", ".join(map(repr, schema["enum"])))
    for bound, (words, holds) in BOUNDS.items():
        limit = schema.get(bound)
        if limit is not None and not holds(found, limit):
            raise ValueError(f"{words} {limit}")
    return found


def _any(value: Any, schemas: Iterable[Mapping[str, Any]]) -> Any:
    expected = []
    for schema in schemas:
        try:
            return _checked(value, schema)
        except ValueError as error:
            expected.append(str(error))
    raise ValueError(" or ".join(expected))


def _converted(value: Any, kind: str, schema: Mapping[str, Any]) -> Any:
    """As `load_config` would take it: TOML has every type, the command line texts too."""
    match kind:
        case "boolean" if isinstance(value, bool) or str(value).lower() in (*TRUE, *FALSE):
            return str(value).lower() in TRUE
        case "integer" if (number := _number(value)) is not None and number % 1 == 0:
            return int(number)
        case "number" if (number := _number(value)) is not None:
            return number
        case "string" if isinstance(value, str):
            return value
        case "array" if isinstance(value, list | tuple) and len(value) >= schema.get("minItems", 0):
            return tuple(_checked(item, schema["items"]) for item in value)
        case "null" if value is None:
            return None
    names = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text"}
    raise ValueError(names.get(kind, "a list of whole numbers" if kind == "array" else "left out"))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _lines(text: str) -> dict[str, int]:
    """By key: the number of its line, as far as keys stand on lines of their own."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = f"{head[1]}."
        elif key := re.match(r"""\s*["']?([^"'=#]+?)["']?\s*=""", line):
            found.setdefault(f"{table}{key[1]}", number)
    return found
