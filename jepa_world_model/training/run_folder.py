"""What a run leaves on disk. Nothing that is there is overwritten silently, and no file is ever half written."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from jepa_world_model.config_file import load_config, to_toml
from jepa_world_model.errors import UserError
from jepa_world_model.model_config import Config

MOST_MISFITS = 8


class RunFolder:
    """The files of one run, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.metrics = path / "metrics.jsonl"
        self.weights = path / "weights.safetensors"
        self.summary = path / "summary.md"
        self.pictures = path / "pictures"
        self.tensorboard = path / "tensorboard"

    @staticmethod
    def create(path: Path, config: Config) -> "RunFolder":
        """A new folder that holds the config. Raises UserError when `path` holds anything, or cannot be written."""
        run = RunFolder(path)
        with explained(path):
            if path.is_dir() and any(path.iterdir()):
                what = "already holds a run" if run.config.exists() else "is not empty"
                raise UserError(
                    f"output folder {path} {what}; nothing was written. Choose another --out, or remove it."
                )
            path.mkdir(parents=True, exist_ok=True)
            run.pictures.mkdir(exist_ok=True)
        run.write(run.config, to_toml(config).encode())
        return run

    @staticmethod
    def open(path: Path) -> tuple["RunFolder", Config]:
        """A folder that a run left. Raises UserError when it is none."""
        run = RunFolder(path)
        if not run.config.is_file():
            raise UserError(f"{path} is not a run folder: expected {run.config.name} in it")
        return run, load_config(run.config)

    def write(self, path: Path, content: bytes) -> None:
        """Write a file whole or not at all."""
        with explained(path):
            temporary = path.with_name(path.name + ".part")
            try:
                temporary.write_bytes(content)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def load_weights(self, model: nn.Module, config: str = "") -> None:
        """Put the stored weights into a model. Raises UserError when there are none, or each that does not fit.

        `config` names what the model was made by, if not by the run's own.
        """
        try:
            stored = load_file(self.weights)
        except FileNotFoundError as error:
            raise UserError(f"{self.path} has no {self.weights.name}: the run ended before its first save") from error
        except (SafetensorError, OSError) as error:
            raise UserError(f"{self.weights} cannot be read: {error}") from error
        expected = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
        found = {name: list(tensor.shape) for name, tensor in stored.items()}
        names = [name for name in expected | found if expected.get(name) != found.get(name)]
        if names:
            lines = [
                f"  {name}: expected {expected.get(name)}, found {found.get(name)}" for name in names[:MOST_MISFITS]
            ]
            more = [f"  and {len(names) - MOST_MISFITS} more"] if len(names) > MOST_MISFITS else []
            raise UserError("\n".join([f"{self.weights} does not fit {config or self.config}:", *lines, *more]))
        model.load_state_dict(stored)

    def append_metrics(self, rows: list[Mapping[str, Any]]) -> None:
        """One JSON object a line."""
        with explained(self.metrics), self.metrics.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))

    def read_metrics(self) -> list[dict[str, Any]]:
        """All rows so far."""
        with self.metrics.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]


def next_free(parent: Path, name: str) -> Path:
    """`parent/name-001`, or the first number that is not taken."""
    taken = {path.name for path in parent.glob(f"{name}-*")} if parent.is_dir() else set()
    return parent / next(f"{name}-{n:03d}" for n in range(1, 10**6) if f"{name}-{n:03d}" not in taken)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's refusal into a UserError that names the file."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
