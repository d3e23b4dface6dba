"""Config from a TOML file and `--set table.key=value`; Config to TOML. All mistakes are reported at once."""

import tomllib
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jepa_world_model.errors import UserError, nearest
from jepa_world_model.model_config import Config

TABLES: dict[str, tuple[str, ...]] = {
    table: tuple(key.name for key in fields(values)) for table, values in vars(Config()).items()
}
KEYS = tuple(f"{table}.{key}" for table, keys in TABLES.items() for key in keys)


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Defaults, then the file, then each `table.key=value` in turn. Raises UserError that lists every mistake."""
    values = _read(path) if path else {}
    mistakes = []
    for override in overrides:
        try:
            _apply(values, override)
        except UserError as mistake:
            mistakes.append(str(mistake))
    try:
        config = TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        mistakes += [_explain(mistake) for mistake in error.errors()]
        raise UserError(_listed(mistakes)) from error
    if mistakes:
        raise UserError(_listed(mistakes))
    return config


def to_toml(config: Config) -> str:
    """The four tables, every key; what is None has no TOML and is left out."""
    import tomli_w

    tables = {table: {k: v for k, v in values.items() if v is not None} for table, values in asdict(config).items()}
    return tomli_w.dumps(tables)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"config file {path} does not exist") from error
    except OSError as error:
        raise UserError(f"config file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"config file {path} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"config file {path} is not TOML: {error}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    table, dot, name = key.strip().partition(".")
    if not (equals and dot and table and name):
        raise UserError(f"--set {override}: expected table.key=value, such as losses.jepa=0.5")
    keys = values.setdefault(table, {})
    if isinstance(keys, dict):
        keys[name] = parse_value(text.strip())


def parse_value(text: str) -> Any:
    """A TOML value; what is none, such as an unquoted word, is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(mistake: Any) -> str:
    """One line: the key, what is wrong, what was found, the nearest valid name."""
    key = ".".join(str(part) for part in mistake["loc"] if not isinstance(part, int))
    if mistake["type"] == "unexpected_keyword_argument":
        known = KEYS if "." in key else TABLES
        return f"{key}: unknown {'key' if '.' in key else 'table'}. {nearest(key, known)}".rstrip(". ")
    if mistake["type"] == "value_error":
        return f"{key}: {mistake['ctx']['error']}" if key else str(mistake["ctx"]["error"])
    return f"{key}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}, found {mistake['input']!r}"


def _listed(mistakes: list[str]) -> str:
    if len(mistakes) == 1:
        return f"the configuration has a mistake:\n  {mistakes[0]}"
    return f"the configuration has {len(mistakes)} mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
