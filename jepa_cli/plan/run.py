"""Carries out a walk that was asked for on the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from audits.files import open_file, write_file
from jepa_cli.plan.view import WalkView
from jepa_cli.terminal.choice import check_choice
from jepa_world_model.data.image_file import decode_image
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.environment import environment_of
from jepa_world_model.evaluation.evaluation import held_out_source, loaded_subject
from jepa_world_model.evaluation.held_out import HeldOut, held_out
from jepa_world_model.evaluation.planning.attempt import Step, Task, walk
from jepa_world_model.evaluation.planning.imagined_search import alike_distance
from jepa_world_model.evaluation.planning.planner_names import TITLES, WALKERS
from jepa_world_model.evaluation.planning.planners import WITH_P, Arena, best_walker, walker
from jepa_world_model.evaluation.planning.tasks import BINS, LONGEST, distance, seen_displacement, with_shown_ways
from jepa_world_model.pictures.walk_film import Film, Moment
from jepa_world_model.runs.figures import figures
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.worlds.world import State, World

EPISODES, LENGTH, TRIES = 20, 64, 1000
COMPARED = 300
"""Held-out frames, about, with which the picture of a goal is compared."""
FRAME_OF_EPISODE = re.compile(r"(\d+):(\d+)")


MOST_MOVES = 10_000


@dataclass(frozen=True)
class PlanRequest:
    """The options, as typed."""

    run: Path
    goal: str | None
    planner: str | None
    seed: int
    moves: int
    out: Path

    def check(self) -> None:
        """Raises UserError for options that cannot be carried out."""
        if self.moves < 1 or self.seed < 0:
            found = f"found {self.moves} and {self.seed}"
            raise UserError(f"expected --moves of at least 1 and --seed of at least 0, {found}")
        if self.planner is not None:
            check_choice("--planner", self.planner, WALKERS)
        if self.moves > MOST_MOVES:
            raise UserError(f"--moves: expected at most {MOST_MOVES}, found {self.moves}")
        if self.goal and not FRAME_OF_EPISODE.fullmatch(self.goal):
            with _opened(Path(self.goal)):
                pass
        if self.out.suffix.lower() != ".gif":
            raise UserError(f"--out {self.out}: expected a file that ends in .gif")
        if not self.out.absolute().parent.is_dir():
            raise UserError(f"--out {self.out}: folder {self.out.parent} does not exist")


@dataclass(frozen=True)
class Goal:
    """Where the walk is to end."""

    name: str
    frame: np.ndarray
    """[H, W, C] uint8"""
    state: State | None
    """None for a picture: then the model itself judges whether it has arrived."""


def run_plan(request: PlanRequest) -> bool:
    """Whether the goal was reached. Raises UserError for a run, a goal or a file that cannot be used."""
    request.check()
    config, subject, _ = loaded_subject(request.run)
    source, indices = held_out_source(config, None, EPISODES, request.seed)
    world = environment_of(source)
    data = held_out(subject, source, indices, length=LENGTH)
    rng = np.random.default_rng(request.seed)
    start = world.reset(rng)
    goal = _goal(request.goal, world, data, start, rng)
    film = Film(goal.frame, data.traces.p)
    view = WalkView(sys.stdout, goal.name)
    name = request.planner or _best(request.run, data, view)
    planner = walker(Arena(data, world, 1, request.seed), name)
    displacement = _displacement(name, world, data, start, goal) if name in WITH_P else None
    steps = islice(walk(world, planner, start, goal.frame, displacement), request.moves)
    reached = False
    for moment, state in _moments(world, data, start, steps):
        film.add(moment)
        view.show(moment)
        reached = _arrived(world, state, goal, moment, data)
        if reached:
            break
    write_file(request.out, film.gif())
    view.end(reached, len(film) - 1, None if goal.state is None else distance(world, start, goal.state), request.out)
    return reached


def _best(run: Path, data: HeldOut, view: WalkView) -> str:
    """The planner that did best in the evaluation of the run, if it has one of these weights."""
    found = figures(RunFiles(run))
    measured = {} if found.problem else {title: one["value"] for title, one in found.success.items()}
    name = best_walker(data, measured)
    view.chosen(TITLES[name], measured.get(TITLES[name]))
    return name


def _displacement(planner: str, world: World, data: HeldOut, start: State, goal: Goal) -> np.ndarray:
    """What a planner that has nothing but p is told of the goal."""
    found = seen_displacement(data.subject, world.render(start), goal.frame)
    if found is not None:
        return found
    if goal.state is None:
        raise UserError(f"--planner {planner}: the model has no pose of a place, so it needs a goal EPISODE:FRAME")
    (task,) = with_shown_ways(world, data.subject, [Task(start, goal.state, 0)])
    return task.displacement if task.displacement is not None else np.zeros(data.traces.p.shape[-1])


def _moments(world: World, data: HeldOut, start: State, steps: Iterator[Step]) -> Iterator[tuple[Moment, State]]:
    """The start, then every move with what was imagined of it."""
    subject = data.subject
    z = subject.embed(world.render(start)[None])
    h, p = subject.begin(z), subject.origin(1)
    yield Moment("start", world.render(start), None, z[0], p[0]), start
    for step in steps:
        action = world.actions[step.action][None]
        p = p + subject.move(p, h, action)
        imagined, h = subject.predict(z, h, action)
        z = subject.embed(step.frame[None])
        yield Moment(world.action_names[step.action], step.frame, subject.decode(imagined)[0], z[0], p[0]), step.state


def _arrived(world: World, state: State, goal: Goal, moment: Moment, data: HeldOut) -> bool:
    if goal.state is not None:
        return bool((world.truth(state)["position"] == world.truth(goal.state)["position"]).all())
    wanted = data.subject.embed(goal.frame[None])[0]
    return float(np.linalg.norm(moment.z - wanted)) < alike_distance(data.traces.z) / 2


def _goal(text: str | None, world: World, data: HeldOut, start: State, rng: np.random.Generator) -> Goal:
    if text is None:
        return _random_goal(world, start, rng)
    if found := FRAME_OF_EPISODE.fullmatch(text):
        return _frame_of(world, data, *map(int, found.groups()))
    picture = _picture(Path(text), world.spec.image_size)
    if _looks_foreign(picture, data.frames.reshape(-1, *picture.shape)):
        raise UserError(
            f"--goal {text}: expected a picture of {world.name}, found one that is further from all of "
            f"{data.episodes} held-out episodes than any two of their frames are from each other"
        )
    return Goal(text, picture, None)


def _random_goal(world: World, start: State, rng: np.random.Generator) -> Goal:
    """Some moves away."""
    for _ in range(TRIES):
        state = world.goal(start, rng)
        if (distance(world, start, state, LONGEST) or 0) >= BINS[1][0]:
            return Goal("a random goal", world.render(state), state)
    raise UserError(f"{world.name}: found no goal of {BINS[1][0]} to {LONGEST} moves in {TRIES} tries")


def _frame_of(world: World, data: HeldOut, episode: int, frame: int) -> Goal:
    if episode >= data.episodes or frame >= data.length:
        raise UserError(
            f"--goal {episode}:{frame}: expected an episode below {data.episodes} and a frame below {data.length}"
        )
    state = world.placed({name: values[episode, frame] for name, values in data.truth.items()})
    return Goal(f"frame {frame} of held-out episode {episode}", data.frames[episode, frame], state)


def _looks_foreign(picture: np.ndarray, frames: np.ndarray) -> bool:
    """Whether a picture [H, W, C] is less like each of some frames [M, H, W, C] than these are like each other."""
    some = frames[:: max(1, len(frames) // COMPARED)].astype(np.float32).reshape(-1, picture.size)
    squares = np.square(some).sum(axis=1)
    between = squares[:, None] + squares - 2 * some @ some.T
    return bool(np.square(some - picture.ravel().astype(np.float32)).sum(axis=1).min() > between.max())


def _picture(path: Path, size: int) -> np.ndarray:
    try:
        return decode_image(path, size)
    except UserError as error:
        raise UserError(f"--goal {error}") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open_file(path)
    except FileNotFoundError as error:
        raise UserError(f"--goal {path}: there is no such file; expected a picture, or EPISODE:FRAME") from error
    except OSError as error:
        raise UserError(f"--goal {path}: cannot be read: {error.strerror or error}") from error
