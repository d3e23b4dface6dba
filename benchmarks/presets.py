"""What the models of both presets are good for, over several seeds: python -m benchmarks.presets

Trains each preset with each seed into a folder (runs that are there are kept), evaluates them, and prints the table of
README.md. A cell has the mean over seeds and, in brackets, the least and the most.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jepa_world_model.config_file import load_config
from jepa_world_model.evaluation.evaluation import evaluate
from jepa_world_model.evaluation.figure import FIGURES
from jepa_world_model.presets import PRESETS
from jepa_world_model.run import resume_training, run_training
from jepa_world_model.runs.files import RunFiles, read_status
from jepa_world_model.training.observer import Observer

SHOWN = {
    "recall_at_1_place": "nearest frame in z shows the same place",
    "recall_at_1_place_and_inventory": "... and the same inventory",
    "key_error": "error on the key, 1 = never drawn",
    "decoded_error_at_8": "imagined frame, 8 steps ahead, 1 = copy of the last",
    "imagined_cell_at_16": "imagined cell is right, 16 steps ahead",
    "displacement_over_8": "R2 of displacement read from p, 8 frames",
    "displacement_over_64": "... 64 frames",
    "blocked_increment": "Δp of a blocked move, as a share of a free one",
    "cosine_of_opposites": "cosine of Δp of opposite moves",
}
"""Figures and how the table calls them."""
TARGETS = {"search in imagined z": ">= 99%", "search in q": ">= 99%", "search in p": ">= 97%"}
"""Shares of goals that the planners should reach."""
EPISODES, TASKS = 60, 20


def trained(preset: str, seed: int, folder: Path, overrides: Sequence[str]) -> Path:
    """The run of a preset and a seed, from its last checkpoint on where there is one."""
    path = folder / f"{preset}-{seed}"
    run = RunFiles(path)
    if not run.config.exists():
        config = load_config(None, [f"preset={preset}", f"train.seed={seed}", *overrides])
        run_training(config, path, Observer())
    elif read_status(run).get("state") != "finished":
        resume_training(path, Observer())
    return path


def evaluated(path: Path) -> dict[str, Any]:
    """The figures of a run, measured once."""
    stored = path / "evaluation.json"
    if not stored.exists():
        found = evaluate(path, episodes=EPISODES, tasks=TASKS, on_stage=lambda *_: None)
        stored.write_text(json.dumps(found.plain(), indent=1) + "\n", encoding="utf-8")
    return json.loads(stored.read_text(encoding="utf-8"))


def rows(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """The table as Markdown, from the evaluations of each preset."""
    yield f"| figure | target | {' | '.join(found)} |"
    yield f"| --- | --- |{' --- |' * len(found)}"
    for name, words in SHOWN.items():
        figure = FIGURES[name]
        sign = "<=" if figure.at_most else ">="
        target = "" if figure.target is None else f"{sign} {figure.target:g}"
        values = [[run["figures"].get(name, {}).get("value") for run in runs] for runs in found.values()]
        yield f"| {words} | {target} | {' | '.join(_cell(each) for each in values)} |"
    for planner in dict.fromkeys(planner for runs in found.values() for run in runs for planner in run["planning"]):
        successes = [
            [run["planning"].get(planner, {}).get("success", {}).get("value") for run in runs]
            for runs in found.values()
        ]
        reached = " | ".join(_cell(each, percent=True) for each in successes)
        yield f"| goals reached: {planner} | {TARGETS.get(planner, '')} | {reached} |"


def _cell(values: Sequence[float | None], *, percent: bool = False) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    texts = [
        f"{value:.0%}" if percent else f"{value:.3f}" for value in (sum(known) / len(known), min(known), max(known))
    ]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("runs/presets"))
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--set", nargs="+", default=[], dest="overrides")
    asked = parser.parse_args()
    runs = {
        preset: [trained(preset, seed, asked.folder, asked.overrides) for seed in range(asked.seeds)]
        for preset in asked.presets
    }
    print("\n".join(rows({preset: [evaluated(path) for path in paths] for preset, paths in runs.items()})))
