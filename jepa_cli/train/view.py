"""The progress of a training, on a terminal or in a log."""

import time
from collections import deque
from textwrap import wrap

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from jepa_cli.terminal.safe_text import safe
from jepa_world_model.config_file import values_of
from jepa_world_model.model_config import Config
from jepa_world_model.phases import Phase
from jepa_world_model.rules import Level
from jepa_world_model.rules.judging import judge, recorded
from jepa_world_model.rules.settings import Settings
from jepa_world_model.training.alarms import Alarm
from jepa_world_model.training.metrics import MetricRow
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.outcome import Outcome
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.summary import changes, verdict
from jepa_world_model.training.trainer import Trainer
from jepa_world_model.training.validation import Validation

BLOCKS = "▁▂▃▄▅▆▇█"
TREND = 16
SMOOTHING = 0.1
LOG_SECONDS = 10.0
LEAST = 20
"""Letters of a line, however narrow the terminal."""


class TrainingView(Observer):
    """Shows a run: on a terminal a live bar with the losses, elsewhere a line at intervals."""

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
        self._weights: dict[str, float] = {}
        self._smooth: dict[str, float] = {}
        self._history: deque[dict[str, float]] = deque(maxlen=1000)
        self._validation: dict[str, float] = {}
        self._last_line = 0.0
        self._live = Live(console=self._console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> "TrainingView":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def follow(self, *, steps: int, weights: dict[str, float], done: int = 0) -> None:
        """Set the number of steps and the enabled losses."""
        self._start, self._first, self._steps, self._weights = time.monotonic(), done, steps, weights
        self._task = self._progress.add_task("training", total=steps, completed=done, rate="")

    def warn(self, config: Config) -> None:
        """Show the warnings that a check of the weights gives."""
        settings = Settings("config", values_of(config), config.accept)
        found = [finding for finding in judge(recorded(settings)) if finding.counts(Level.WARNING)]
        for finding in found:
            self._print(f"{finding.level:<12}{finding.rule.id}: {finding.found.message}")
        if found:
            self._print(f"{'':12}run jepa check-weights for reasons and remedies")

    def on_decoding(self, done: int, total: int) -> None:
        if done == total:
            self._print(f"converted {total} trajectories to frames of the model's size")

    def on_start(self, run: RunFolder, trainer: Trainer) -> None:
        self._run = run
        source, train = trainer.source, trainer.config.train
        spec = source.spec
        self.follow(steps=train.steps, weights=trainer.config.losses.enabled, done=trainer.done)
        self._print(f"run folder  {run.path}")
        self._print(
            f"data        {source.name}: {len(source)} trajectories of {spec.image_size}x{spec.image_size}, "
            f"{spec.action_width} actions ({spec.action_kind})"
        )
        for note in getattr(source, "notes", ()):
            self._tell("", note)
        if trainer.model.normalises_actions:
            self._tell("", f"actions {trainer.model.told(spec.action_names)}")
        self._print(
            f"model       {trainer.parameter_count:,} parameters in {len(trainer.trained_modules)} modules, "
            f"{len(self._weights)} losses, {train.device} {train.precision}"
        )
        if trainer.done >= train.steps:
            self._print(f"resumed     it had ended after step {trainer.done}: nothing is left to train")
        elif trainer.done:
            self._print(f"resumed     after step {trainer.done} of {train.steps}")

    def on_warning(self, message: str) -> None:
        self._tell("warning", message)

    def on_audit(self, message: str) -> None:
        self._tell("audit", message)

    def on_alarm(self, alarm: Alarm) -> None:
        self._tell("alarm", str(alarm))

    def on_phase(self, phase: Phase) -> None:
        self._start, self._first = time.monotonic(), phase.first
        if phase.name != "joint":
            losses = "loss" if len(phase.losses) == 1 else "losses"
            self._print(f"phase       {phase.name}, up to step {phase.last}: {len(phase.losses)} {losses}")

    def on_embedding(self, done: int, total: int) -> None:
        self._progress.update(self._task, rate=f"z of {done:,} of {total:,} frames")
        self._start = time.monotonic()

    def on_rows(self, rows: list[MetricRow]) -> None:
        for row in rows:
            for name, value in row.losses.items():
                self._smooth[name] = value + (1 - SMOOTHING) * (self._smooth.get(name, value) - value)
            self._history.append(dict(self._smooth))
        if rows:
            rate = (rows[-1].step - self._first) / (time.monotonic() - self._start)
            self._progress.update(self._task, completed=rows[-1].step, rate=f"{rate:.2f} steps/s")
            self._log(rows[-1], rate)

    def on_validation(self, validation: Validation) -> None:
        self._validation = validation.losses

    def show_outcome(self, outcome: Outcome) -> None:
        """Show what the run did, loss by loss, and where its files are."""
        table = Table("loss", "before", "after", "", box=None)
        for name, before, after in changes(outcome):
            style = "green" if after < before else "red"
            table.add_row(name, f"{before:.4g}", f"{after:.4g}", f"[{style}]{verdict(before, after)}[/{style}]")
        self._console.print(table)
        how = "stopped after" if outcome.interrupted else "finished"
        self._print(f"{how} {outcome.steps} steps in {outcome.seconds:.0f} s")
        if outcome.signal:
            self._print(f"to go on    jepa train --resume {self._run.path}")
        self._print(f"summary     {self._run.summary}")
        if self._run.pictures.exists():
            self._print(f"pictures    {self._run.pictures}")

    def render(self) -> Group:
        """The losses and the bar."""
        table = Table("loss", "weight", "now", "held out", "trend", box=None, padding=(0, 1))
        for name, weight in self._weights.items():
            now, held_out = self._smooth.get(name), self._validation.get(name)
            trend = sparkline([row[name] for row in self._history if name in row])
            table.add_row(name, f"{weight:g}", _number(now), _number(held_out), trend)
        return Group(table, self._progress)

    def _log(self, row: MetricRow, rate: float) -> None:
        if not self._console.is_terminal and time.monotonic() - self._last_line > LOG_SECONDS:
            self._last_line = time.monotonic()
            left = (self._steps - row.step) / rate
            self._print(f"step {row.step}/{self._steps}  {rate:.2f} steps/s  {left:.0f} s left  total {row.total:.4g}")

    def _tell(self, what: str, message: str) -> None:
        """A sentence, wrapped, after the name of its kind; paths and commands in it are not broken."""
        indent = " " * 12
        lines = wrap(message, max(self._console.width - 12, LEAST), break_long_words=False, break_on_hyphens=False)
        self._print(f"{what:<12}" + f"\n{indent}".join(lines))

    def _print(self, line: str) -> None:
        self._console.print(safe(line), highlight=False, markup=False, soft_wrap=True)


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
