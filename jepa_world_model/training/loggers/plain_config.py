"""A config as services take it: flat, by key, numbers and text."""

import json

from jepa_world_model.config_file import values_of
from jepa_world_model.model_config import Config


def plain(config: Config) -> dict[str, int | float | str]:
    """By key, such as `losses.jepa`: its value. What is neither number nor text is JSON; what is None is left out."""
    values = {key: value for key, value in values_of(config).items() if value is not None}
    return {key: value if _is_plain(value) else json.dumps(value) for key, value in values.items()}


def _is_plain(value: object) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)
