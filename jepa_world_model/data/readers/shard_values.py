"""What the files of a shard hold, apart from pictures and video. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np

from jepa_world_model.data.actions_npz import UNREADABLE
from jepa_world_model.data.npy_file import parse_header
from jepa_world_model.data.readers.lazy import Stored
from jepa_world_model.data.readers.tar_file import Member
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import parse_json


class ShardArray:
    """An array in a file of a shard, read as a whole."""

    def __init__(self, member: Member, name: str | None, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._member, self._name, self.shape, self.dtype = member, name, shape, dtype

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        return _loaded(self._member, self._name)[rows]


def stored_of(member: Member, suffix: str) -> dict[str, Stored]:
    """Arrays by name of a .npy, .npz or .json; none of other files. Raises UserError for a damaged one."""
    name, _, kind = suffix.strip(".").rpartition(".")
    if kind == "npy":
        shape, dtype = _header(member, BytesIO(member.read()))
        return {name or "action": ShardArray(member, None, shape, dtype)} if shape else {}
    if kind == "npz":
        return _archive(member)
    if kind == "json":
        return _lists(member, name)
    return {}


def fields_of(sample: Mapping[str, Member], where: str) -> dict[str, Any]:
    """Values by name of one frame: of .json its keys, of .cls and .npy the action."""
    found: dict[str, Any] = {}
    for suffix, member in sample.items():
        name, _, kind = suffix.strip(".").rpartition(".")
        if kind == "json":
            content = _json(member)
            found.update(content if isinstance(content, dict) else {name or "action": content})
        elif kind == "npy":
            _header(member, BytesIO(member.read()))
            found[name or "action"] = _loaded(member, None)
        elif kind in ("cls", "txt") and (name or kind == "cls"):
            found[name or "action"] = _number(member)
    return {{"actions": "action"}.get(name, name): value for name, value in found.items()}


@lru_cache(maxsize=16)
def _loaded(member: Member, name: str | None) -> np.ndarray:
    try:
        found = np.load(BytesIO(member.read()), allow_pickle=False)
        return found if name is None else found[name]
    except UNREADABLE as error:
        raise UserError(f"{member.where}: expected numbers of NumPy, found something else ({error})") from error


def _header(member: Member, content: Any) -> tuple[tuple[int, ...], np.dtype]:
    try:
        shape, dtype = parse_header(content)
    except UNREADABLE as error:
        raise UserError(f"{member.where}: expected numbers of NumPy, found something else ({error})") from error
    if dtype.hasobject:
        raise UserError(f"{member.where}: holds Python objects, which are not read: that would run code of the file")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.size * (1 if isinstance(content, BytesIO) else 5000):
        raise UserError(f"{member.where}: claims the shape {shape}, but holds {member.size} bytes; write it again")
    return shape, dtype


def _archive(member: Member) -> dict[str, Stored]:
    found: dict[str, Stored] = {}
    try:
        with ZipFile(BytesIO(member.read())) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                with archive.open(info) as file:
                    shape, dtype = _header(member, file)
                if shape:
                    found[name] = ShardArray(member, name, shape, dtype)
    except UNREADABLE as error:
        raise UserError(f"{member.where}: expected numbers of NumPy, found something else ({error})") from error
    return found


def _lists(member: Member, name: str) -> dict[str, Stored]:
    content = _json(member)
    found: dict[str, Stored] = {}
    for key, value in (content if isinstance(content, dict) else {name or "action": content}).items():
        if isinstance(value, list) and value:
            try:
                found[str(key)] = np.array(value)
            except ValueError as error:
                raise UserError(f'{member.where}: expected rows of one length in "{key}" ({error})') from error
    return found


def _json(member: Member) -> Any:
    try:
        return parse_json(member.read())
    except ValueError as error:
        raise UserError(f"{member.where}: expected JSON, found a syntax error ({error})") from error


def _number(member: Member) -> float | int:
    text = member.read().decode("utf-8", "replace").strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError as error:
        raise UserError(f"{member.where}: expected a number, found {text[:40]!r}") from error
