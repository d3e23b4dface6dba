"""TOML from a file and from `--set table.key=value`, as plain values: nothing is checked but that it is TOML."""

import tomllib
from pathlib import Path
from typing import Any

from audits.files import read_file
from jepa_world_model.errors import UserError


def read_toml(path: Path) -> dict[str, Any]:
    """Raises UserError for a file that cannot be read, is not UTF-8, or is not TOML, with line and column."""
    try:
        return parse_toml(read_file(path), str(path))
    except FileNotFoundError as error:
        raise UserError(f"config file {path} does not exist") from error
    except OSError as error:
        raise UserError(f"config file {path} cannot be read: {error.strerror or error}") from error


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """What a file holds. Raises UserError that names the file."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))  # Windows may put a mark before it
    except UnicodeDecodeError as error:
        raise UserError(f"config file {name} is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:  # also a number of too many digits
        raise UserError(f"config file {name} is not TOML: {error}") from error


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set one `table.key=value`, or `preset=value`. Raises UserError for a text of another form."""
    key, equals, text = override.partition("=")
    if key.strip() == "preset" and equals:
        values["preset"] = text.strip()
        return
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
    except (ValueError, RecursionError):  # also a number of too many digits
        return text
