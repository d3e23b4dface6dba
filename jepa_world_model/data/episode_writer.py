"""Writing the open on-disk format, one whole episode after another."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jepa_world_model.data.dataset_json import DATASET_JSON, write_info
from jepa_world_model.data.episode_files import inspect_episode, save_episode
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError


class EpisodeWriter:
    """A context manager that fills a new folder. Whatever breaks, each episode in it is whole or not there.

    ``origin`` says in dataset.json where the data comes from; what JSON cannot hold is kept as its repr. Raises
    UserError when the folder holds something already, or cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        action_kind: ActionKind,
        action_names: tuple[str, ...] = (),
        origin: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.count = 0
        self._action_kind = action_kind
        self._action_names = action_names
        self._origin = origin or {}

    def __enter__(self) -> Self:
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            raise UserError(f"{self.folder}: expected a new or empty folder, found a file or a link; choose another")
        with self._explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()):
                raise UserError(f"{self.folder}: expected a new or empty folder, found files in it; choose another")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.count == 0:
            (self.folder / DATASET_JSON).unlink(missing_ok=True)
            with suppress(OSError):
                self.folder.rmdir()

    def add(self, episode: Episode) -> Path:
        """Write one episode and return its folder. Raises UserError when it is malformed or cannot be written."""
        final = self.folder / f"episode_{self.count:06d}"
        partial = self.folder / f".{final.name}.partial"
        try:
            with self._explained():
                partial.mkdir()
                save_episode(partial, episode)
                self._describe(partial)
                os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.count += 1
        return final

    def _describe(self, partial: Path) -> None:
        """Check the files just written; before the first episode appears, say what it is in dataset.json."""
        files = inspect_episode(partial)
        size, _, channels = files.image_shape
        spec = DataSpec(size, channels, files.action_width, self._action_kind, self._action_names)
        if self.count == 0:
            self.spec = spec
            write_info(self.folder, spec, self._origin)
        elif spec != self.spec:
            raise UserError(f"episode {self.count}: expected the same shapes as before, {self.spec}, found {spec}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self.folder}: cannot be written ({error.strerror or error}); the {self.count} episodes written "
                "before are whole. Free some space or choose another folder"
            ) from error
