"""The settings of a config for the rules of a check, with weights that no training would accept.

A check must be able to look at a weight of NaN. Everything else that training refuses is refused here too, in the same
words: both read `model_config.Config`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from audits.files import read_file
from jepa_world_model.config_file import given_values, validated, values_of
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config
from jepa_world_model.rules.settings import Settings
from jepa_world_model.toml_values import parse_toml, read_toml


@cache
def default_settings() -> Settings:
    """The project's own."""
    return Settings("default", values_of(validated({})))


def read_settings(file: Path | None = None, overrides: Iterable[str] = ()) -> Settings:
    """A TOML file, then each `table.key=value` in turn. Raises UserError that lists every mistake."""
    values = read_toml(file) if file else {}
    content = read_file(file) if file else b""
    return _settings(values, list(overrides), file, content.decode("utf-8", "replace"))


def settings_of(content: bytes, name: str) -> Settings:
    """What a file once held. Raises UserError that lists every mistake."""
    return _settings(parse_toml(content, name), [], None, "", name)


def _settings(
    given: dict[str, Any], overrides: Sequence[str], file: Path | None, text: str, name: str = ""
) -> Settings:
    config, refusal = _config(*given_values(given, overrides))
    changed = frozenset(override.partition("=")[0].strip() for override in overrides)
    shown = name or ", ".join([*([str(file)] if file else []), *overrides]) or "default"
    return Settings(shown, values_of(config), config.accept, file, text, changed, refusal)


def _config(values: dict[str, Any], mistakes: Sequence[str]) -> tuple[Config, str]:
    """The config, and why training refuses it although rules can look at it."""
    try:
        return validated(values, mistakes), ""
    except UserError as refusal:
        try:
            return validated(values, mistakes, for_rules=True), str(refusal)
        except UserError:
            raise refusal from None
