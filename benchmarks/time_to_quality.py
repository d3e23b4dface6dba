"""When a default run becomes useful: goals that its model reaches, against the processor seconds it has trained.

python -m benchmarks.time_to_quality [--seeds 3] [--folder runs/time-to-quality] [--set TABLE.KEY=VALUE ...]

Training is stopped at each point of the curve, evaluated by the protocol of `jepa eval`, and goes on, so that what is
evaluated is a point of one run. What the evaluation takes does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from jepa_world_model.config_file import load_config
from jepa_world_model.evaluation.evaluation import evaluate
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.trainer import Trainer

PLANNERS = ("search-p",)
SHARES = (0.5, 0.625, 0.75, 0.875, 1.0)
"""Points of the curve, as shares of the steps."""
TARGET = 0.97


def processor_seconds() -> float:
    """Of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class StopAt(Observer):
    """Asks the run to save and stop after a step, as a scheduler would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer: Trainer) -> None:
        if trainer.done == self.step:
            signal.raise_signal(signal.SIGTERM)


def curve(seed: int, folder: Path, overrides: Sequence[str]) -> list[dict[str, float]]:
    """Points of one run: steps, processor and wall seconds of training, and the share of goals by planner."""
    path = folder / f"seed-{seed}"
    config = load_config(None, [f"train.seed={seed}", *overrides])
    points, processor, wall = [], 0.0, 0.0
    for share in SHARES:
        step = max(1, round(share * config.train.steps))
        began, clock = processor_seconds(), time.perf_counter()
        if (path / "config.toml").exists():
            resume_training(path, StopAt(step))
        else:
            run_training(config, path, StopAt(step))
        processor, wall = processor + processor_seconds() - began, wall + time.perf_counter() - clock
        found = evaluate(path, episodes=30, tasks=10, planners=PLANNERS, on_stage=lambda *_: None)
        reached = {one.planner: one.success.value for one in found.planning}
        points.append({"steps": step, "processor_s": processor, "wall_s": wall, **reached})
        print(f"seed {seed}  {' '.join(f'{name} {value:.3g}' for name, value in points[-1].items())}", flush=True)
    return points


def until(points: Sequence[dict[str, float]], planner: str) -> float | None:
    """Processor seconds until a planner reaches the target, and stays there; None if it never does."""
    stays = [index for index, point in enumerate(points) if point[planner] < TARGET]
    first = stays[-1] + 1 if stays else 0
    return points[first]["processor_s"] if first < len(points) else None


def main(seeds: int, folder: Path, overrides: Sequence[str]) -> None:
    curves = {seed: curve(seed, folder, overrides) for seed in range(seeds)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "curves.json").write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")
    for planner in [name for name in next(iter(curves.values()))[0] if not name.endswith("_s") and name != "steps"]:
        taken = [until(points, planner) for points in curves.values()]
        words = ", ".join("never" if each is None else f"{each:.0f} s" for each in taken)
        print(f"{planner}: processor seconds until {TARGET:.0%} of the goals: {words}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/time-to-quality"))
    parser.add_argument("--set", nargs="+", default=[], dest="overrides")
    asked = parser.parse_args()
    main(asked.seeds, asked.folder, asked.overrides)
