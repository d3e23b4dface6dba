"""Config from a TOML file and `--set table.key=value`; Config to TOML. All mistakes are reported at once."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jepa_world_model.errors import UserError, listed_mistakes, nearest
from jepa_world_model.model_config import Config
from jepa_world_model.toml_values import apply_override, read_toml

TABLES: dict[str, tuple[str, ...]] = {
    table: tuple(key.name for key in fields(values)) for table, values in vars(Config()).items() if is_dataclass(values)
}
KEYS = tuple(f"{table}.{key}" for table, keys in TABLES.items() for key in keys)


def load_config(path: Path | None = None, overrides: Iterable[str] = ()) -> Config:
    """Defaults, then the file, then each `table.key=value` in turn. Raises UserError that lists every mistake."""
    values = read_toml(path) if path else {}
    mistakes: list[str] = []
    for override in overrides:
        try:
            apply_override(values, override)
        except UserError as mistake:
            mistakes.append(str(mistake))
    return _validated(values, mistakes)


def config_of(values: Mapping[str, Any]) -> Config:
    """A config from its keys, such as ``losses.jepa``. Raises UserError that lists every mistake."""
    tables: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        table, _, name = key.partition(".")
        tables.setdefault(table, {})[name] = value
    return _validated(tables, [])


def values_of(config: Config) -> dict[str, Any]:
    """By key, such as ``losses.jepa``: its value."""
    tables = asdict(config)
    return {f"{table}.{name}": tables[table][name] for table, names in TABLES.items() for name in names}


def _validated(values: Mapping[str, Any], mistakes: list[str]) -> Config:
    try:
        config = TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        mistakes += [_explain(mistake) for mistake in error.errors()]
        raise UserError(listed_mistakes(mistakes)) from error
    if mistakes:
        raise UserError(listed_mistakes(mistakes))
    return config


def to_toml(config: Config) -> str:
    """The four tables, every key; what is None has no TOML and is left out. [accept] where anything is accepted."""
    import tomli_w

    tables = {table: {k: v for k, v in values.items() if v is not None} for table, values in asdict(config).items()}
    return tomli_w.dumps({table: values for table, values in tables.items() if table in TABLES or values})


def _explain(mistake: Any) -> str:
    """One line: the key, what is wrong, what was found, the nearest valid name."""
    key = ".".join(str(part) for part in mistake["loc"] if not isinstance(part, int))
    if mistake["type"] == "unexpected_keyword_argument":
        known = KEYS if "." in key else (*TABLES, "accept")
        return f"{key}: unknown {'key' if '.' in key else 'table'}. {nearest(key, known, otherwise='')}".rstrip(". ")
    if mistake["type"] == "value_error":
        return f"{key}: {mistake['ctx']['error']}" if key else str(mistake["ctx"]["error"])
    return f"{key}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}, found {mistake['input']!r}"
