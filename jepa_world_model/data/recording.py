"""Recording of episodes: a stage shows what happens, a policy acts on it, a folder keeps it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from jepa_world_model.data.episode_folder import EpisodeFolder
from jepa_world_model.data.episode_writer import EpisodeWriter
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.gym_actions import ActionEncoding
from jepa_world_model.errors import UserError
from jepa_world_model.memory import check_disk, check_memory

CHANNELS = 3
MANY = 256
"""Frames of an episode from which on memory is looked at, whenever their number has doubled."""


class Seen(NamedTuple):
    """What a policy acts on."""

    observation: Any
    """The environment's own; of an embedded world the frame."""
    frame: np.ndarray
    """[H, W, 3] uint8, as it is recorded."""


class Policy(Protocol):
    """Chooses the actions of a recording."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the origin of the data set: its ``name``, and what it depends on."""
        ...

    def begin(self, seed: int) -> None:
        """A new episode."""
        ...

    def act(self, seen: Seen) -> Any:
        """The next action, as the environment takes it."""
        ...


class Stage(Protocol):
    """An environment that is recorded."""

    encoding: ActionEncoding

    @property
    def facts(self) -> Mapping[str, Any]:
        """For the origin of the data set: ``env_id``, ``env_kwargs`` and the like."""
        ...

    def begin(self, seed: int) -> Seen:
        """A new episode."""
        ...

    def step(self, action: Any) -> tuple[Seen, bool]:
        """What follows, and whether the episode is over. Raises UserError for what is no action."""
        ...

    def truth(self) -> Mapping[str, np.ndarray]:
        """What is really there now, for evaluation only."""
        ...


class RandomPolicy:
    """Any action; with probability `sticky` the last one again."""

    def __init__(self, space: Any, sticky: float) -> None:
        """`space` has ``seed(seed)`` and ``sample()``. Raises UserError for what is no probability."""
        check_amounts(sticky=sticky)
        self._space, self._sticky = space, sticky
        self.facts = {"name": "random", "sticky": sticky}

    def begin(self, seed: int) -> None:
        self._chance = np.random.default_rng([seed, 1])  # apart from the stream of the action space
        self._space.seed(seed)
        self._last: Any = None

    def act(self, seen: Seen) -> Any:
        if self._last is None or self._chance.random() >= self._sticky:
            self._last = self._space.sample()
        return self._last


def check_room(size: int, episodes: int, out: Path | str, frames: int = 2) -> None:
    """Raises UserError where episodes of so many frames at least fit not: one in memory, all on the disk of `out`."""
    one = frames * size**2 * CHANNELS
    check_memory(f"an episode of {frames} frames", one, "lower --size or --max-steps")
    check_disk(f"{episodes} episodes of {frames} frames", one * episodes, Path(out), "collect fewer, or lower --size")


def check_amounts(*, sticky: float = 0.0, **counts: int) -> None:
    """Raises UserError for what is no probability, and for a count below 1."""
    for name, value in counts.items():
        if value < 1:
            raise UserError(f"{name}: expected at least 1, found {value}")
    if not 0 <= sticky <= 1:
        raise UserError(f"sticky: expected a probability in [0, 1], found {sticky}")


def record(
    stage: Stage,
    policy: Policy,
    episodes: int,
    out: str | Path,
    *,
    max_steps: int,
    seed: int = 0,
    on_episode: Callable[[int, int], None] | None = None,
) -> EpisodeFolder:
    """Record `episodes` episodes of at most `max_steps` steps into the new folder `out`, in the open format.

    Episode i is seeded with seed + i. `on_episode` gets the index and the number of frames of each episode written.
    Raises UserError for an `out` in use, and for an action that the stage does not know.
    """
    check_amounts(episodes=episodes, max_steps=max_steps)
    seeds = [seed + index for index in range(episodes)]
    origin = {**stage.facts, "policy": dict(policy.facts), "max_steps": max_steps, "seeds": seeds}
    encoding = stage.encoding
    with EpisodeWriter(out, action_kind=encoding.kind, action_names=encoding.names, origin=origin) as writer:
        for index, own in enumerate(seeds):
            episode = _episode(stage, policy, own, max_steps)
            writer.add(episode)
            if on_episode:
                on_episode(index, len(episode))
    return EpisodeFolder(out)


def _episode(stage: Stage, policy: Policy, seed: int, max_steps: int) -> Episode:
    """T is the number of steps plus one."""
    policy.begin(seed)
    seen, over = stage.begin(seed), False
    frames, rows, truths = [seen.frame], [], [stage.truth()]
    while not over and len(rows) < max_steps:
        action = policy.act(seen)
        try:
            seen, over = stage.step(action)
        except UserError as error:
            raise UserError(f"policy {policy.facts.get('function', policy.facts['name'])}: {error}") from error
        rows.append(stage.encoding.encode(action))
        frames.append(seen.frame)
        if (count := len(frames)) >= MANY and count & (count - 1) == 0:  # as many again would be needed to store them
            check_memory(f"an episode of {count} frames", count * seen.frame.nbytes, "lower --size or --max-steps")
        truths.append(stage.truth())
    actions = np.stack([*rows, np.zeros(len(stage.encoding.names))]).astype(np.float32)
    names = set.intersection(*map(set, truths))
    return Episode(np.stack(frames), actions, {name: np.array([row[name] for row in truths]) for name in sorted(names)})
