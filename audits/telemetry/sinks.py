"""Where samples go: JSON lines, TensorBoard, W&B, MLflow, a logger of Lightning, or any function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from audits.errors import AuditError
from audits.telemetry.sample import Sample

Sink = Callable[[Sample], Any]


def sink(value: Any) -> Sink:
    """What sends a sample to a value.

    Args:
        value: The path of a file of JSON lines, to which a line is added; a ``SummaryWriter`` (`add_scalar`); the
            module `mlflow` or a logger of Lightning (`log_metrics`); the module `wandb` or one of its runs (`log`);
            or a function that is called with the `Sample`.

    Raises:
        AuditError: It is none of these.
    """
    if isinstance(value, str | Path):
        return _lines(Path(value))
    if hasattr(value, "add_scalar"):
        return lambda sample: [value.add_scalar(name, number, sample.step) for name, number in sample.numbers().items()]
    if hasattr(value, "log_metrics"):
        return lambda sample: value.log_metrics(sample.numbers(), step=sample.step)
    if hasattr(value, "log") and not isinstance(value, type):
        return lambda sample: value.log(sample.numbers(), step=sample.step)
    if callable(value):
        return value
    raise AuditError(
        f"to: expected a path, a SummaryWriter, mlflow, wandb, a logger or a function, found {type(value).__name__}"
    )


def _lines(path: Path) -> Sink:
    def write(sample: Sample) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{sample.line()}\n")

    return write
