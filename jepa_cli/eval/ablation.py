"""Carries out an ablation that was asked for on the command line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from audits.files import write_file
from jepa_cli.eval.ablation_view import ablation_markdown, ablation_page, show_ablation
from jepa_cli.eval.run import EvalRequest
from jepa_cli.terminal.columns import duration
from jepa_cli.terminal.plain_page import PlainPage
from jepa_cli.terminal.safe_text import safe
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.ablate import Ablation, AblationObserver, Budget, ablate
from jepa_world_model.runs.files import RunFiles

MOST_SEEDS, MOST_STEPS = 100, 10_000_000


@dataclass(frozen=True)
class AblationRequest:
    """The options, as typed; those of an evaluation say how each training is judged."""

    judged: EvalRequest
    names: str
    steps: int
    seeds: int

    def check(self) -> None:
        """Raises UserError for options that name nothing, or cannot be carried out."""
        self.judged.check()
        for name, value, most in (
            ("--ablate-steps", self.steps, MOST_STEPS),
            ("--ablate-seeds", self.seeds, MOST_SEEDS),
        ):
            if not 1 <= value <= most:
                raise UserError(f"{name}: expected 1 to {most:,}, found {value}")
        if not self.names.replace(",", " ").strip():
            raise UserError(f"--ablate: expected names of losses or gates, or all, found {self.names!r}")
        if self.judged.data is not None:
            raise UserError("--ablate trains and evaluates on the data of the run: leave out --data")


def run_ablation(request: AblationRequest) -> None:
    """Train, evaluate, show, and keep every training in the run folder. Raises UserError for what cannot be done."""
    request.check()
    judged = request.judged
    files = RunFiles(judged.run)
    planners = tuple(judged.planners.split(",")) if judged.planners else None
    budget = Budget(request.steps, request.seeds, judged.episodes, judged.seed, judged.tasks, planners)
    names = [name.strip() for name in request.names.split(",") if name.strip()]
    with _progress(request) as observer:
        found = ablate(judged.run, names, budget, observer)
    _shown(found, files, judged.format)


def _shown(found: Ablation, files: RunFiles, format: str) -> None:
    if format == "json":
        sys.stdout.write(json.dumps(found.plain(), indent=1) + "\n")
    elif format == "html":
        write_file(files.ablation_page, ablation_page(found).encode())
        print(safe(f"report  {files.ablation_page}"))
    elif format == "markdown":
        sys.stdout.write(safe(ablation_markdown(found)))
    else:
        page = PlainPage()
        show_ablation(found, page)
        page.blank()
        page.paragraph(f"every training: {files.ablation}", style="quiet")
        page.print()


@contextmanager
def _progress(request: AblationRequest) -> Iterator[AblationObserver]:
    """On standard error: a bar on a terminal, a line for each training elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        class Told(AblationObserver):
            def on_plan(self, trainings: int, missing: int) -> None:
                kept = "" if missing == trainings else f", {trainings - missing} of them done before"
                budget = f"{trainings} trainings of {request.steps:,} steps{kept}"
                self._begun = time.monotonic()
                console.print(safe(f"{budget}, each evaluated; this takes minutes, and can be stopped and repeated"))

            def on_training(self, name: str, seed: int, done: int, of: int) -> None:
                progress.update(task, description=f"{name}, seed {seed}", completed=done, total=of)

            def on_result(self, done: int, of: int) -> None:
                left = (time.monotonic() - self._begun) / done * (of - done)
                more = f", about {duration(left)} to go" if done < of else ""
                console.print(f"{done} of {of} trained and evaluated{more}")

        yield Told()
