"""MLflow: a database next to the run folder, or the server that MLFLOW_TRACKING_URI names."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jepa_world_model.training.loggers.logger import PICTURES, End, Logger
from jepa_world_model.training.loggers.packages import need
from jepa_world_model.training.loggers.plain_config import plain
from jepa_world_model.training.loggers.run_ids import recall, remember

if TYPE_CHECKING:
    from mlflow.entities import Metric

    from jepa_world_model.model_config import Config
    from jepa_world_model.training.run_folder import RunFolder

EXPERIMENT, DATABASE, ARTIFACTS = "jepa", "mlflow.db", "mlartifacts"
METRICS_AT_ONCE, PARAMS_AT_ONCE = 1000, 100
"""What MLflow takes in one request."""
STATUS = {End.FINISHED: "FINISHED", End.INTERRUPTED: "KILLED", End.FAILED: "FAILED"}

T = TypeVar("T")


class MLflow(Logger):
    """Writes `mlflow.db` and `mlartifacts/` next to the run folder, unless the environment names another store."""

    name = "mlflow"

    def __init__(self, warn: Callable[[str], Any] = warnings.warn) -> None:
        """Raises UserError when MLflow, or what it needs for a database, is not installed."""
        super().__init__(warn)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at import: nothing goes out unasked
        need(self.name, "mlflow.tracking", *(() if _store() else ("sqlalchemy", "alembic")))
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # failures are reported once, by us

    def open(self, run: RunFolder, config: Config, step: int) -> None:
        from mlflow.tracking import MlflowClient

        beside = run.path.resolve().parent
        self._client = MlflowClient(_store() or f"sqlite:///{beside / DATABASE}")
        self._waiting: list[Metric] = []
        self._logged: dict[str, int] = {}
        known = recall(run, self.name)
        if known and self._has(known):
            self._run = known
            self._client.update_run(known, status="RUNNING")
            self._logged = self._last_steps()
        else:
            artifacts = None if _store() else (beside / ARTIFACTS / EXPERIMENT).as_uri()
            self._run = self._new_run(run.path.resolve().name, artifacts, config)
            remember(run, self.name, self._run)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Leaves out what MLflow has already from a session that was killed: it is the same."""
        from mlflow.entities import Metric

        if len(self._waiting) + len(values) > METRICS_AT_ONCE:
            self.flush()
        now = int(time.time() * 1000)
        fresh = (name for name in values if step > self._logged.get(_group(name), -1))
        self._waiting += [Metric(name, values[name], now, step) for name in fresh]

    def text(self, step: int, name: str, text: str) -> None:
        self._client.set_tag(self._run, name, text)

    def pictures(self, step: int, pictures: Mapping[str, Path]) -> None:
        for file in pictures.values():
            self._client.log_artifact(self._run, str(file), PICTURES)

    def flush(self) -> None:
        if self._waiting:
            self._client.log_batch(self._run, metrics=self._waiting)
            self._waiting = []

    def close(self, end: End) -> None:
        self._client.set_terminated(self._run, STATUS[end])

    def _new_run(self, name: str, artifacts: str | None, config: Config) -> str:
        from mlflow.entities import Param

        run = self._client.create_run(self._experiment(artifacts), run_name=name).info.run_id
        params = [Param(key, str(value)) for key, value in plain(config).items()]
        for some in _parts(params, PARAMS_AT_ONCE):
            self._client.log_batch(run, params=some)
        return run

    def _experiment(self, artifacts: str | None) -> str:
        from mlflow.exceptions import MlflowException

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        if found := self._client.get_experiment_by_name(name):
            return found.experiment_id
        try:
            return self._client.create_experiment(name, artifacts)
        except MlflowException:
            if found := self._client.get_experiment_by_name(name):  # another run was faster
                return found.experiment_id
            raise

    def _has(self, run: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.get_run(run)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return True

    def _last_steps(self) -> dict[str, int]:
        """By group, such as `train`: the last step that MLflow knows of it."""
        one_of = {_group(name): name for name in self._client.get_run(self._run).data.metrics}
        histories = {group: self._client.get_metric_history(self._run, name) for group, name in one_of.items()}
        return {group: max(metric.step for metric in history) for group, history in histories.items()}


def _store() -> str | None:
    return os.environ.get("MLFLOW_TRACKING_URI")


def _group(name: str) -> str:
    return name.split("/")[0]


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
