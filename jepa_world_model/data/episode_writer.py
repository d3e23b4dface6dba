"""Writing the open on-disk format, one whole episode after another."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jepa_world_model.data.dataset_json import DATASET_JSON, write_info
from jepa_world_model.data.episode_files import inspect_episode, save_episode
from jepa_world_model.data.episode_index import MANY, episode_name, write_index
from jepa_world_model.data.episodes import Episode
from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.errors import UserError
from jepa_world_model.locks import locked_folder


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
        resume: bool = False,
    ) -> None:
        """`resume` goes on after the whole episodes of a folder that this class began to fill.

        Such a folder belongs to the caller, who keeps other processes away.
        """
        self.folder = Path(folder)
        self.count = 0
        self._lengths: list[int] = []
        self._resume = resume
        self._action_kind = action_kind
        self._action_names = action_names
        self._origin = origin or {}

    def __enter__(self) -> Self:
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            raise UserError(f"{self.folder}: expected a new or empty folder, found a file or a link; choose another")
        with ExitStack() as stack, self._explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._resume:
                self._take_up()
            elif not stack.enter_context(locked_folder(self.folder)):
                raise UserError(f"{self.folder}: another process writes episodes into it; choose another folder")
            elif any(self.folder.iterdir()):
                raise UserError(f"{self.folder}: expected a new or empty folder, found files in it; choose another")
            self._lock = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self.count == 0:
                (self.folder / DATASET_JSON).unlink(missing_ok=True)
                with suppress(OSError):
                    self.folder.rmdir()
            elif kind is None and self.count >= MANY:
                with self._explained():
                    write_index(self.folder, self._lengths)

    def add(self, episode: Episode) -> Path:
        """Write one episode and return its folder. Raises UserError when it is malformed or cannot be written."""
        return self.add_by(lambda folder: save_episode(folder, episode))

    def add_by(self, save: Callable[[Path], None]) -> Path:
        """As `add`, of an episode that `save` writes into a folder that it is given."""
        final = self._place(self.count)
        partial = self.folder / f".{final.name}.partial"
        try:
            with self._explained():
                partial.mkdir()
                save(partial)
                self._describe(partial)
                os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self.count += 1
        return final

    def _place(self, number: int) -> Path:
        return self.folder / episode_name(number)

    def _take_up(self) -> None:
        """Count the episodes that are whole; everything else is removed."""
        with suppress(UserError):
            while self._place(self.count).is_dir():
                self._describe(self._place(self.count))
                self.count += 1
        whole = {self._place(number) for number in range(self.count)} | {self.folder / DATASET_JSON}
        for path in set(self.folder.iterdir()) - whole:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

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
        self._lengths[self.count :] = [files.length]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self.folder}: cannot be written ({error.strerror or error}); the {self.count} episodes written "
                "before are whole. Free some space or choose another folder"
            ) from error
