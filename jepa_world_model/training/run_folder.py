"""The files of a run. Existing files are never overwritten silently, and no file is half written."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from audits.files import LEFT_OVER, explained, flush, is_left_over, read_file, write_file
from jepa_world_model.config_file import load_config, to_toml
from jepa_world_model.errors import UserError
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import Config
from jepa_world_model.runs.files import RunFiles
from jepa_world_model.runs.metrics import all_rows
from jepa_world_model.training.checkpoints import Checkpoints
from jepa_world_model.training.fit import check_fit, with_later_modules
from jepa_world_model.training.run_lock import locked_file, locked_folder
from jepa_world_model.training.sealed import unsealed


class RunFolder(RunFiles):
    """The files of one run, written and read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.checkpoints = Checkpoints(self.checkpoint_folder)

    @staticmethod
    def create(path: Path, config: Config) -> "RunFolder":
        """A new folder that holds the config. Raises UserError when `path` holds anything, or cannot be written."""
        run = RunFolder(path)
        with explained(path):
            if path.is_dir() and any(not is_left_over(file) for file in path.iterdir()):
                what, instead = "is not empty", ""
                if run.config.exists():
                    what, instead = "already holds a run", f", or go on with jepa train --resume {path}"
                raise UserError(f"output folder {path} {what}; nothing was written. Choose another --out{instead}")
            path.mkdir(parents=True, exist_ok=True)
        run.clear_left_overs()
        run.write(run.config, to_toml(config).encode())
        return run

    @staticmethod
    def open(path: Path) -> tuple["RunFolder", Config]:
        """Open the folder of a run. Raises UserError when it is none."""
        run = RunFolder(path)
        if not run.config.is_file():
            raise UserError(f"{path} is not a run folder: expected {run.config.name} in it")
        return run, load_config(run.config, preset="reference", base="reference")

    @staticmethod
    @contextmanager
    def begun(path: Path, config: Config) -> "Iterator[RunFolder]":
        """As `create`, held until the end: of several processes that begin a run there at one moment, one gets it."""
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)
        with locked_folder(path):
            run = RunFolder.create(path, config)
            with locked_file(run.config, path):
                yield run

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training into this folder. Raises InUse when one does already."""
        with locked_folder(self.path), locked_file(self.config, self.path):
            yield

    def predates_checkpoints(self) -> bool:
        """Whether an older version made it: its config knows of none."""
        return b"checkpoint_every_steps" not in read_file(self.config)

    def write(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all."""
        with explained(path):
            path.parent.mkdir(exist_ok=True)
        write_file(path, content)

    def clear_left_overs(self) -> None:
        """Remove what a killed process left half written, where a run writes files."""
        with explained(self.path):
            for folder in (self.path, self.checkpoint_folder, self.pictures, self.embeddings):
                for file in filter(is_left_over, folder.glob(LEFT_OVER)):
                    file.unlink()

    def load_weights(self, model: nn.Module, config: str = "") -> None:
        """Put the stored weights into a model. Raises UserError when there are none, or each that does not fit.

        `config` names what the model was made by, if not by the run's own.
        """
        try:
            stored, _ = unsealed(self.weights)
        except FileNotFoundError as error:
            raise UserError(f"{self.path} has no {self.weights.name}: the run ended before its first save") from error
        except OSError as error:
            raise UserError(f"{self.weights} cannot be read: {error.strerror or error}") from error
        trained = {module for loss in RunFolder.open(self.path)[1].enabled for module in loss.updates}
        if isinstance(model, WorldModel):
            model.normalise_actions_as(stored, model.data.action_width)
        stored = with_later_modules(model, stored, trained)
        expected = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
        check_fit(f"{self.weights} does not fit {config or self.config}", expected, stored)
        model.load_state_dict(stored)

    # metrics.jsonl: one JSON object a line, only ever appended to --------------------------------------------------

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """One JSON object a line."""
        with explained(self.metrics), self.metrics.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole rows so far."""
        return all_rows(self.metrics)

    def flush_metrics(self) -> int:
        """Wait until the disk holds them. Returns how many bytes that are."""
        with explained(self.metrics), self.metrics.open("ab") as file:
            flush(file.fileno())
            return file.tell()

    def rewind_metrics(self, size: int) -> bool:
        """Forget all rows that came after so many bytes. Returns whether there were so many."""
        with explained(self.metrics), self.metrics.open("ab") as file:
            there = file.tell()
            file.truncate(min(size, there))
        if there < size:
            self._drop_torn_row()
        return there >= size

    def _drop_torn_row(self) -> None:
        content = self.metrics.read_bytes()
        write_file(self.metrics, content[: content.rfind(b"\n") + 1])
