"""When a default run becomes useful: goals that its model reaches, against the processor seconds it has trained.

    python -m benchmarks.time_to_quality [--seeds 3] [--minutes M] [--folder FOLDER] [--set TABLE.KEY=VALUE ...]

Training is stopped at each point of the curve, evaluated by the protocol of `jepa eval`, and goes on, so that what is
evaluated is a point of one run. What the evaluation takes does not count. What was measured is kept in the folder after
each point: the same command goes on where the last one stopped, by Ctrl-C, by a failure, or after `--minutes`.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pairs import processor
from jepa_world_model.config_file import load_config
from jepa_world_model.evaluation.evaluation import evaluate
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.trainer import Trainer

PLANNERS = ("search-p",)
SHARES = (0.5, 0.625, 0.75, 0.875, 1.0)
"""Points of the curve, as shares of the steps."""
TARGET = 0.97
EVERY = 30.0
"""Seconds on the clock between two lines of progress."""


class StopAt(Observer):
    """Asks the run to save and stop after a step, or when time is up, as a scheduler would. Says how far it is."""

    def __init__(self, step: int, until: float, name: str) -> None:
        self.step, self.until, self.name = step, until, name
        self.done = 0
        self._began, self._told = processor(), time.perf_counter()

    def on_step(self, trainer: Trainer) -> None:
        self.done, now = trainer.done, time.perf_counter()
        if now - self._told > EVERY:
            self._told = now
            taken = processor() - self._began
            print(f"{self.name}  step {self.done} of {self.step}, {taken:.0f} processor seconds since", flush=True)
        if self.done >= self.step or now > self.until:
            signal.raise_signal(signal.SIGTERM)


class Curve:
    """Points of one run, kept in a file: steps, processor and wall seconds of training, share of goals by planner."""

    def __init__(self, seed: int, folder: Path, overrides: Sequence[str]) -> None:
        self._name, self._run, self._file = f"seed {seed}", folder / f"seed-{seed}", folder / f"seed-{seed}.json"
        self._config = load_config(None, [f"train.seed={seed}", *overrides])
        new: dict[str, Any] = {"step": 0, "processor_s": 0.0, "wall_s": 0.0, "points": []}
        self._kept = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else new

    @property
    def points(self) -> list[dict[str, float]]:
        return self._kept["points"]

    def extend(self, until: float) -> bool:
        """Go on until the time on the clock. Returns whether all points are there."""
        for share in SHARES[len(self.points) :]:
            step = max(1, round(share * self._config.train.steps))
            if time.perf_counter() > until or not self._train(step, until):
                return False
            print(f"{self._name}  step {step}: planning", flush=True)
            found = evaluate(self._run, episodes=30, tasks=20, planners=PLANNERS, on_stage=lambda *_: None)
            seconds = {name: self._kept[name] for name in ("processor_s", "wall_s")}
            reached = {one.planner: one.success.value for one in found.planning}
            self.points.append({"steps": self._kept["step"], **seconds, **reached})
            self._keep()
            told = ", ".join(f"{name} {value:.3g}" for name, value in self.points[-1].items())
            print(f"{self._name}  {told}", flush=True)
        return True

    def _train(self, step: int, until: float) -> bool:
        """Whether the step was reached in time."""
        if self._kept["step"] >= step:  # and then the evaluation did not end
            return True
        stop = StopAt(step, until, self._name)
        began, clock = processor(), time.perf_counter()
        try:
            if (self._run / "config.toml").exists():
                resume_training(self._run, stop)
            else:
                run_training(self._config, self._run, stop)
        finally:
            self._kept["processor_s"] += processor() - began
            self._kept["wall_s"] += time.perf_counter() - clock
            self._kept["step"] = max(stop.done, self._kept["step"])
            self._keep()
        return self._kept["step"] >= step

    def _keep(self) -> None:
        self._file.write_text(json.dumps(self._kept, indent=1) + "\n", encoding="utf-8")


def until(points: Sequence[dict[str, float]], planner: str) -> float | None:
    """Processor seconds until a planner reaches the target, and stays there; None if it never does."""
    stays = [index for index, point in enumerate(points) if point[planner] < TARGET]
    first = stays[-1] + 1 if stays else 0
    return points[first]["processor_s"] if first < len(points) else None


def main(seeds: int, folder: Path, overrides: Sequence[str], minutes: float) -> None:
    end = time.perf_counter() + 60 * minutes
    folder.mkdir(parents=True, exist_ok=True)
    curves = [Curve(seed, folder, overrides) for seed in range(seeds)]
    complete = [curve for curve in curves if curve.extend(end)]
    print(f"{len(complete)} of {seeds} curves are complete", flush=True)
    for planner in [name for name in (complete[0].points[0] if complete else ()) if not name.endswith(("_s", "steps"))]:
        taken = [until(curve.points, planner) for curve in complete]
        words = ", ".join("never" if each is None else f"{each:.0f} s" for each in taken)
        print(f"{planner}: processor seconds until {TARGET:.0%} of the goals: {words}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/time-to-quality"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many, on the clock")
    parser.add_argument("--set", nargs="+", default=[], dest="overrides")
    asked = parser.parse_args()
    main(asked.seeds, asked.folder, asked.overrides, asked.minutes)
