"""Carries out an evaluation that was asked for on the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from audits.files import write_file
from jepa_cli.eval.choices import FORMATS
from jepa_cli.eval.formats import markdown
from jepa_cli.eval.view import show
from jepa_cli.terminal.choice import check_choice
from jepa_cli.terminal.plain_page import PlainPage
from jepa_cli.terminal.safe_text import safe
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.evaluation import Evaluation, evaluate
from jepa_world_model.runs.files import RunFiles

MOST_TASKS = 10_000


@dataclass(frozen=True)
class EvalRequest:
    """The options, as typed."""

    run: Path
    data: str | None
    episodes: int
    seed: int
    tasks: int
    planners: str | None
    format: str

    def check(self) -> None:
        """Raises UserError for options that name nothing."""
        check_choice("--format", self.format, FORMATS)
        for name, value, least in (("--tasks", self.tasks, 1), ("--seed", self.seed, 0)):
            if value < least:
                raise UserError(f"{name}: expected at least {least}, found {value}")
        if self.tasks > MOST_TASKS:
            raise UserError(f"--tasks: expected at most {MOST_TASKS}, found {self.tasks}")


def run_eval(request: EvalRequest) -> None:
    """Evaluate, show, and keep everything in the run folder. Raises UserError for what cannot be evaluated."""
    request.check()
    files = RunFiles(request.run)
    found = _evaluated(request)
    text = json.dumps(found.plain(), indent=1) + "\n"
    write_file(files.evaluation, text.encode())
    if request.format == "json":
        sys.stdout.write(text)
    elif request.format == "html":
        from jepa_cli.eval.page import page as html

        write_file(files.evaluation_page, html(found).encode())
        print(safe(f"report  {files.evaluation_page}"))
    elif request.format == "markdown":
        sys.stdout.write(safe(markdown(found)))
    else:
        page = PlainPage()
        show(found, page)
        page.blank()
        page.paragraph(f"all of it: {files.evaluation}", style="quiet")
        page.print()


def _listed(text: str) -> list[str]:
    """Names between commas. Raises UserError where one is empty."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UserError(f"--planners {text}: expected names between commas, found an empty one")
    return names


def _evaluated(request: EvalRequest) -> Evaluation:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("figures", total=None)
        return evaluate(
            request.run,
            data=request.data,
            episodes=request.episodes,
            seed=request.seed,
            tasks=request.tasks,
            planners=_listed(request.planners) if request.planners else None,
            on_stage=lambda stage, done, of: progress.update(task, description=stage, completed=done, total=of),
        )
