"""A look at data before anything is trained on it: what would make a training fail, or mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jepa_world_model.data.action_shift import easier_shift
from jepa_world_model.data.episode_files import ACTIONS
from jepa_world_model.data.episodes import Episode, EpisodeSource
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError

MOST_EPISODES = 256
"""Whose frames are looked at; they are spread evenly."""
MOST_FRAMES = 16
"""Of an episode that are compared with its first one, before all of them are."""
MOST_NAMED = 3
LARGE, APART = 20.0, 1000.0
"""Where actions are not normalised, a column of larger numbers is unscaled, as are columns whose spreads are further
apart; where they are, a column whose spread is so many times that of the middle half of its values has outliers."""
REMEDY = {
    False: "set data.normalise_actions = true, or scale actions to about -1 to 1: the learning rate is too large for "
    "them",
    True: "correct the values that are far from the others, for next to them all others look the same",
}
"""By whether actions are normalised."""


def inspect_data(
    source: EpisodeSource, training: np.ndarray, held_out: np.ndarray, *, normalised: bool = True
) -> list[str]:
    """What is not as it should be, with file, episode and column. `normalised`: the model does not see actions as they
    are, so that it does not matter in which unit they are.

    Raises UserError for actions that are no finite numbers: no training can go on with these.
    """
    check_finite(source)
    seen = _spread(np.arange(len(source)))
    return [
        *_columns(source, seen, normalised),
        *_still(source, seen),
        *_shifted(source, seen),
        *_in_both(source, training, held_out),
    ]


def check_finite(source: EpisodeSource) -> None:
    """Raises UserError for NaN or infinity among the actions, with episode, row and column."""
    for index in range(len(source)):
        actions = source[index].actions
        wrong = ~np.isfinite(actions)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            name = column_name(source.spec, int(column))
            raise UserError(
                f"{place(source, index, ACTIONS)}, row {row}: found {actions[row, column]} in {name} of the actions; "
                "correct it, or leave this episode out"
            )


def place(source: EpisodeSource, index: int, file: str = "") -> str:
    """Where an episode comes from, and its file of the open format."""
    said: Callable[[int, str], str] | None = getattr(source, "place", None)
    return said(index, file) if said else f"{source.name}, episode {index}"


def column_name(spec: DataSpec, column: int) -> str:
    """``column 3 (gripper)``"""
    return f"column {column}" + (f" ({spec.action_names[column]})" if spec.action_names else "")


def _spread(indices: np.ndarray) -> np.ndarray:
    if len(indices) <= MOST_EPISODES:
        return indices
    return indices[np.linspace(0, len(indices) - 1, MOST_EPISODES).round().astype(int)]


def _columns(source: EpisodeSource, seen: np.ndarray, normalised: bool) -> Iterator[str]:
    if source.spec.action_kind is not ActionKind.REAL:
        return
    taken = [_taken(source[int(index)]) for index in seen]
    actions = np.concatenate(taken).astype(np.float64)
    if not len(actions):
        return
    low, high = actions.min(axis=0), actions.max(axis=0)
    is_wide = _squeezed(actions) if normalised else _unscaled(actions)
    for column in range(actions.shape[1]):
        said = f"actions, {column_name(source.spec, column)}"
        if low[column] == high[column]:
            yield f"{said}: is always {low[column] + 0:g}; remove it, for nothing can be learnt from it"
        elif is_wide[column]:
            middle = np.median(actions[:, column]) if normalised else 0.0
            far = [np.abs(rows[:, column] - middle).max(initial=0) for rows in taken]
            where = place(source, int(seen[int(np.argmax(far))]))
            yield f"{said}: ranges from {low[column]:g} to {high[column]:g} ({where}); {REMEDY[normalised]}"


def _unscaled(actions: np.ndarray) -> np.ndarray:
    """Which columns [N, A] a model that sees them as they are would see too large, or next to which no other counts."""
    spread = actions.std(axis=0)
    narrowest = np.where(np.ptp(actions, axis=0) > 0, spread, np.inf).min(initial=np.inf)
    return (np.abs(actions).max(axis=0) > LARGE) | (spread > APART * narrowest)


def _squeezed(actions: np.ndarray) -> np.ndarray:
    """In which columns [N, A] a few values are so far from the others that these are all but equal in units of the
    spread. Where half of the values are the same, it is the others that mean something."""
    lower, upper = np.quantile(actions, [0.25, 0.75], axis=0)
    return (upper > lower) & (actions.std(axis=0) > LARGE * (upper - lower))


def _taken(episode: Episode) -> np.ndarray:
    """All actions but the last, which leads nowhere."""
    return episode.actions[:-1]


def _still(source: EpisodeSource, seen: np.ndarray) -> Iterator[str]:
    still = [int(index) for index in seen if len(source[int(index)]) > 1 and _never_changes(source[int(index)].frames)]
    if still:
        yield f"frames never change in {_named(source, still)}; leave such episodes out"


def _never_changes(frames: np.ndarray) -> bool:
    some = np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int)
    first = frames[0]
    return all(np.array_equal(frames[time], first) for time in some[::-1]) and bool((frames[:] == first).all())


def _shifted(source: EpisodeSource, seen: np.ndarray) -> Iterator[str]:
    shift = easier_shift([source[int(index)] for index in seen])
    if shift:
        other = "t + 1" if shift > 0 else "t - 1"
        way = "drop the first action of each episode" if shift > 0 else "repeat the first action of each episode"
        yield (
            f"actions seem to be off by one: the change from frame t to frame t + 1 tells action {other} better than "
            f"action t, which should lead there; {way}"
        )


def _in_both(source: EpisodeSource, training: np.ndarray, held_out: np.ndarray) -> Iterator[str]:
    known = {_digest(source[int(index)]): int(index) for index in _spread(training)}
    both = [(int(index), known.get(_digest(source[int(index)]))) for index in _spread(held_out)]
    twice = [(one, other) for one, other in both if other is not None]
    if twice:
        one, other = twice[0]
        yield (
            f"{len(twice)} held-out {'episode is' if len(twice) == 1 else 'episodes are'} among the training episodes "
            f"too, such as {place(source, one)}, the same as {place(source, other)}; what is measured on them says "
            "nothing: remove duplicates"
        )


def _digest(episode: Episode) -> bytes:
    """Of a few frames and all actions."""
    import hashlib

    digest = hashlib.sha256(f"{episode.frames.shape}".encode())
    for time in np.linspace(0, len(episode) - 1, min(len(episode), 4)).round().astype(int):
        digest.update(np.ascontiguousarray(episode.frames[time]).tobytes())
    digest.update(np.ascontiguousarray(_taken(episode)).tobytes())
    return digest.digest()


def _named(source: EpisodeSource, indices: Sequence[int]) -> str:
    names = ", ".join(place(source, index) for index in indices[:MOST_NAMED])
    rest = len(indices) - MOST_NAMED
    return names + (f" and {rest} more" if rest > 0 else "")
