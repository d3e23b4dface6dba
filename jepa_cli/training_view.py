"""Training as it goes, on a terminal or in a log."""

import time
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from jepa_world_model.training.metrics import Row
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.summary import changes, verdict
from jepa_world_model.training.trainer import Outcome, Trainer

BLOCKS = "▁▂▃▄▅▆▇█"
TREND = 24
SMOOTHING = 0.1
LOG_SECONDS = 10.0


class TrainingView:
    """Observes a run. On a terminal: a live bar with the losses; elsewhere: a line now and then."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._smooth: dict[str, float] = {}
        self._history: deque[dict[str, float]] = deque(maxlen=1000)
        self._validation: dict[str, float] = {}
        self._weights: dict[str, float] = {}
        self._last_line = 0.0
        self._live = Live(console=self._console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> "TrainingView":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def on_decoding(self, done: int, total: int) -> None:
        self._console.print(f"decoding images: {done} of {total} trajectories", highlight=False) if done == total else None

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self._run, self._start = run, time.monotonic()
        train, spec = trainer.config.train, trainer.source.spec
        self._steps = train.steps
        self._weights = dict(trainer.config.losses.enabled)
        self._task = self._progress.add_task("training", total=train.steps, rate="")
        self._console.print(f"run folder  {run.path}", highlight=False)
        self._console.print(
            f"data        {trainer.source.name}: {len(trainer.source)} trajectories, {spec.image_size}x{spec.image_size}, "
            f"{spec.action_width} actions ({spec.action_kind})",
            highlight=False,
        )
        self._console.print(
            f"model       {sum(p.numel() for p in trainer.parameters):,} parameters in {len(trainer.trained_modules)} "
            f"modules, {len(trainer.objective.names)} losses, {train.device} {train.precision}",
            highlight=False,
        )

    def on_rows(self, rows: list[Row]) -> None:
        for row in rows:
            for name, value in row.losses.items():
                self._smooth[name] = value + (1 - SMOOTHING) * (self._smooth.get(name, value) - value)
            self._history.append(dict(self._smooth))
        if not rows:
            return
        rate = rows[-1].step / (time.monotonic() - self._start)
        self._progress.update(self._task, completed=rows[-1].step, rate=f"{rate:.2f} steps/s")
        if not self._console.is_terminal and time.monotonic() - self._last_line > LOG_SECONDS:
            self._last_line = time.monotonic()
            left = (self._steps - rows[-1].step) / rate
            self._console.print(
                f"step {rows[-1].step}/{self._steps}  {rate:.2f} steps/s  {left:.0f} s left  total {rows[-1].total:.4g}",
                highlight=False,
            )

    def on_validation(self, step: int, losses: dict[str, float]) -> None:
        self._validation = losses

    def show_outcome(self, outcome: Outcome) -> None:
        """What the run did, loss by loss."""
        table = Table("loss", "before", "after", "", title="Losses on held-out trajectories", title_justify="left", box=None)
        for name, before, after in changes(outcome):
            style = "green" if after < before else "red"
            table.add_row(name, f"{before:.4g}", f"{after:.4g}", f"[{style}]{verdict(before, after)}[/{style}]")
        self._console.print(table)
        if outcome.interrupted:
            self._console.print(f"interrupted after {outcome.steps} steps; the weights so far are kept")
        self._console.print(f"{outcome.steps} steps in {outcome.seconds:.0f} s. See {self._run.summary}", highlight=False)
        self._console.print(f"pictures: {self._run.pictures}/", highlight=False)

    def _render(self) -> Group:
        table = Table("loss", "weight", "now", "held out", "trend", box=None, padding=(0, 1))
        for name, weight in self._weights.items():
            now, held_out = self._smooth.get(name), self._validation.get(name)
            table.add_row(name, f"{weight:g}", _number(now), _number(held_out), sparkline([row[name] for row in self._history]))
        return Group(table, self._progress)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def sparkline(values: list[float]) -> str:
    """The course of a number in at most TREND characters."""
    if not values:
        return ""
    picked = [values[i * (len(values) - 1) // (TREND - 1)] for i in range(TREND)] if len(values) > TREND else values
    low, high = min(picked), max(picked)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in picked)
