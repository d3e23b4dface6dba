"""Config from a TOML file and `--set table.key=value`; Config to TOML. All mistakes are reported at once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from jepa_world_model.errors import UserError, listed_mistakes, nearest, shown
from jepa_world_model.expected import EXPECTED, in_our_words
from jepa_world_model.model_config import FOR_RULES, Config
from jepa_world_model.presets import PresetName, on_preset
from jepa_world_model.toml_values import apply_override, read_toml

ACCEPT, PRESET = "accept", "preset"
TABLES: dict[str, tuple[str, ...]] = {
    table: tuple(key.name for key in fields(values))
    for table, values in get_type_hints(Config).items()
    if is_dataclass(values)
}
KEYS = tuple(f"{table}.{key}" for table, keys in TABLES.items() for key in keys)


def load_config(
    path: Path | None = None,
    overrides: Iterable[str] = (),
    *,
    preset: str | None = None,
    base: PresetName | None = None,
) -> Config:
    """A preset, then the file, then each `table.key=value` in turn.

    `preset` is that of a config which names none; `base` is the one that has what is missing of a whole config. Raises
    UserError that lists every mistake.
    """
    return validated(*given_values(read_toml(path) if path else {}, overrides), preset=preset, base=base)


def config_of(values: Mapping[str, Any]) -> Config:
    """A config from its keys, such as ``losses.jepa``. Raises UserError that lists every mistake."""
    tables: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        table, _, name = key.partition(".")
        if name:
            tables.setdefault(table, {})[name] = value
        else:
            tables[table] = value
    return validated(tables)


def values_of(config: Config) -> dict[str, Any]:
    """By key, such as ``losses.jepa``: its value."""
    tables = asdict(config)
    keys = {f"{table}.{name}": tables[table][name] for table, names in TABLES.items() for name in names}
    return {PRESET: config.preset, **keys}


def given_values(values: dict[str, Any], overrides: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """The values of a file with each `table.key=value` put in, and what is wrong with the form of these."""
    mistakes: list[str] = []
    for override in overrides:
        try:
            apply_override(values, override)
        except UserError as mistake:
            mistakes.append(str(mistake))
    return values, mistakes


def validated(
    values: Mapping[str, Any],
    mistakes: Iterable[str] = (),
    *,
    for_rules: bool = False,
    preset: str | None = None,
    base: PresetName | None = None,
) -> Config:
    """A config from tables on top of a preset. `mistakes` are known already.

    `for_rules` lets pass what the rules of a check report as errors. Raises UserError that lists every mistake.
    """
    found = [*mistakes, *_booleans(values)]
    try:
        config = _adapter().validate_python(
            {**{table: {} for table in TABLES}, **on_preset(values, preset, base=base)},
            context=FOR_RULES if for_rules else None,
        )
    except ValidationError as error:
        found += [_explain(mistake) for mistake in error.errors(include_url=False)]
        raise UserError(listed_mistakes(found)) from error
    if found:
        raise UserError(listed_mistakes(found))
    return config


def to_toml(config: Config) -> str:
    """All tables, every key; what is None has no TOML and is left out. [accept] where anything is accepted."""
    import tomli_w

    given = {table: values for table, values in asdict(config).items() if isinstance(values, dict)}
    tables = {table: {k: v for k, v in values.items() if v is not None} for table, values in given.items()}
    filled = {table: values for table, values in tables.items() if table in TABLES or values}
    return tomli_w.dumps({PRESET: config.preset, **filled})


@cache
def _adapter() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def _explain(mistake: Any) -> str:
    """One line: the key, what was expected, what was found, the nearest valid name."""
    table, *inner = mistake["loc"] or ("",)
    key = ".".join([table, *(part for part in inner[:1] if isinstance(part, str))])
    kind = mistake["type"]
    if kind == "unexpected_keyword_argument":
        known = KEYS if inner else (*TABLES, ACCEPT, PRESET)
        return f"{key}: unknown {'key' if inner else 'table'}. {nearest(key, known, otherwise='')}".rstrip(". ")
    if kind == "value_error":
        return f"{key}: {mistake['ctx']['error']}" if key else str(mistake["ctx"]["error"])
    if table == ACCEPT and inner:
        return f"{key}: expected the reason in words, found {shown(mistake['input'])}"
    return f"{key}: {in_our_words(mistake)}"


def _booleans(values: Mapping[str, Any]) -> Iterator[str]:
    """Mistakes: pydantic would take true for 1. A weight may be true: a loss that is on."""
    for key in _whole_numbers():
        table, _, name = key.partition(".")
        given = values.get(table)
        value = given.get(name) if isinstance(given, Mapping) else None
        if any(isinstance(each, bool) for each in (value if isinstance(value, list) else [value])):
            yield f"{key}: expected {EXPECTED['int']}, found {shown(value)}"


@cache
def _whole_numbers() -> list[str]:
    """Keys, such as ``train.steps``, of what is one or a list of them."""
    return [
        f"{table}.{name}"
        for table, values in get_type_hints(Config).items()
        for name, hint in (get_type_hints(values) if is_dataclass(values) else {}).items()
        if int in (hint, *get_args(hint))
    ]
