"""What arrays are, by their names, shapes and types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jepa_world_model.data.readers.shapes import arrangement

ACTIONS = ("actions", "action", "act", "acts", "controls", "control", "ctrl")
"""Names of actions, the likeliest first."""
PICTURES = re.compile(
    r"image|img|pixel|rgb|frame|camera|(^|_)cams?(_|\d|$)|view|video|^observations?$|^obs$|vision|visual|screen"
)
NO_PICTURES = re.compile(r"depth|mask|segment|label|action|^next_")
NO_ACTIONS = re.compile(r"prev|last_|next|mask|log")
ENDS = ("episode_ends", "ep_ends", "traj_ends", "trajectory_ends")
LENGTHS = ("ep_len", "ep_lens", "episode_lengths", "episode_length", "traj_lengths", "lengths")
INDICES = ("episode_index", "episode_indices", "ep_idx", "episode_id", "episode_ids", "episode", "traj_idx")
STARTS = ("is_first", "first", "reset", "episode_starts")
STOPS = ("is_last", "dones", "done", "terminals", "terminal", "timeouts", "timeout")
STOPS += ("terminations", "truncations", "terminated", "truncated", "is_terminal")
BOUNDARIES = (*ENDS, *LENGTHS, "ep_offset", *INDICES, *STARTS)


class Info(NamedTuple):
    """Of an array that is not read."""

    shape: tuple[int, ...]
    dtype: np.dtype


def parts_of(name: str) -> list[str]:
    return [part.lower() for part in re.split(r"[/.]", name) if part]


def last(name: str) -> str:
    return (parts_of(name) or [""])[-1]


def is_number(info: Any) -> bool:
    return info.dtype.kind in "biuf"


def is_next(name: str) -> bool:
    """What a step leads to, which the next row says again."""
    return any(part.startswith("next_") for part in parts_of(name))


def looks_like_pictures(name: str, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether an array [T, ...] holds pictures."""
    words = parts_of(name)
    if dtype.kind not in "biuf" or len(shape) < 3 or any(NO_PICTURES.search(word) for word in words):
        return False
    named = any(PICTURES.search(word) for word in words)
    found = arrangement(shape[1:])
    if found is None:
        return False
    height, width, channels = found.shape
    if len(shape) == 3:
        return (named or dtype in (np.uint8, np.uint16)) and min(height, width) >= 8
    return named or (channels in (1, 2, 3, 4, 6, 9, 12) and (dtype == np.uint8 or min(height, width) >= 16))


def action_names(names: Iterable[str]) -> list[str]:
    """The arrays that are the actions: one of such a name, all in a group of such a name, or the only similar one."""
    names = [name for name in names if not is_next(name)]
    for word in ACTIONS:
        exact = [name for name in names if last(name) == word]
        if exact:
            depth = min(len(parts_of(name)) for name in exact)
            return [name for name in exact if len(parts_of(name)) == depth]
    grouped = [name for name in names if any(part in ACTIONS for part in parts_of(name)[:-1])]
    if grouped:
        return grouped
    similar = [name for name in names if "action" in last(name) and not NO_ACTIONS.search(last(name))]
    return similar if len(similar) == 1 else []


def named(arrays: Mapping[str, Any], words: Iterable[str]) -> str | None:
    """The first array of one of these names, the likeliest name first."""
    for word in words:
        for name in arrays:
            if last(name) == word:
                return name
    return None
