"""dataset.json: what the arrays of a data set mean and where they come from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audits.files import replace_file
from jepa_world_model.data.spec import ActionKind, DataSpec, parse_action_kind
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file, parse_json, readable

DATASET_JSON = "dataset.json"
FORMAT, VERSION = "jepa-episodes", 1


@dataclass(frozen=True)
class DatasetInfo:
    """The fields that a reader uses; None and empty where the file does not say. ``origin`` is free form."""

    action_kind: ActionKind | None = None
    action_names: tuple[str, ...] = ()
    image_size: int | None = None
    channels: int | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)


def write_info(folder: Path, spec: DataSpec, origin: Mapping[str, Any]) -> None:
    """Write dataset.json in one step: a reader sees all of it or none. Raises OSError."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "action_kind": spec.action_kind.value,
        "action_names": list(spec.action_names),
        "image_size": spec.image_size,
        "channels": spec.channels,
        "origin": dict(origin),
    }
    replace_file(folder / DATASET_JSON, json.dumps(content, indent=2, default=repr) + "\n")


def read_info(folder: Path) -> DatasetInfo:
    """Read dataset.json; a missing file gives an empty DatasetInfo. Raises UserError that names file and field."""
    path = folder / DATASET_JSON
    if not os.path.lexists(path):
        return DatasetInfo()
    check_file(path)
    try:
        with readable(path):
            content = parse_json(path.read_bytes())
    except ValueError as error:
        raise UserError(
            f"{path}: expected JSON, found a syntax error ({error}); correct it, or remove the file "
            "and the kind of the actions is inferred from their values"
        ) from error
    return _info(path, content)


def _info(path: Path, content: Any) -> DatasetInfo:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise UserError(f'{path}: expected an object with "format": "{FORMAT}", found {found!r}')
    if content.get("version") != VERSION:
        found = content.get("version")
        raise UserError(f"{path}: expected version {VERSION}, found {found!r}; a newer release may read it")
    try:
        kind = _typed(content, "action_kind", str, None)
        return DatasetInfo(
            action_kind=None if kind is None else parse_action_kind(kind),
            action_names=tuple(str(name) for name in _typed(content, "action_names", list, [])),
            image_size=_typed(content, "image_size", int, None),
            channels=_typed(content, "channels", int, None),
            origin=_typed(content, "origin", dict, {}),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _typed(content: dict[str, Any], key: str, kind: type, default: Any) -> Any:
    value = content.get(key, default)
    if key in content and not isinstance(value, kind):
        raise UserError(f'expected "{key}" to be of type {kind.__name__}, found {value!r}')
    return value
