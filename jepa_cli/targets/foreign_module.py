"""The module of a user's trainer, imported from the current folder."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from audits import AuditError
from jepa_cli.targets.foreign_code import explained
from jepa_cli.terminal import own_packages


def foreign_module(said: str, name: str) -> ModuleType:
    """Import a module; those of the current folder come first, also before the `jepa_world_model` of this command.

    `said` is the option with its value, for messages. Raises AuditError for a module that is not there, that raises, or
    that another one of the same name hides.
    """
    own_packages.release("jepa_world_model")
    here = str(Path.cwd())
    if sys.path[:1] not in ([""], [here]):
        sys.path.insert(0, here)
    _refuse_hidden(said, name)
    if _is_below(Path(here), name):
        own_packages.prefer(name.partition(".")[0], here)
    try:
        with importing(said, f"importing {name}"):
            return importlib.import_module(name)
    except AuditError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name and f"{name}.".startswith(f"{cause.name}."):
            raise AuditError(
                f"{said}: there is no module {cause.name!r} in {here} or among the installed "
                "packages: run the command in the folder of the module, or correct the name"
            ) from cause
        raise


def _is_below(folder: Path, name: str) -> bool:
    """Whether a module is there. A folder that has only the name of its package may be one of data."""
    path = folder.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@contextmanager
def importing(said: str, doing: str) -> Iterator[None]:
    """Raises AuditError for anything that the code inside raises; for a failed import, with the file that hid it."""
    try:
        with explained(f"{said}: {doing}"):
            yield
    except AuditError as error:
        _refuse_hidden(said, _sought(error.__cause__), error.__cause__)
        raise


def _refuse_hidden(said: str, name: str, cause: BaseException | None = None) -> None:
    """Raises AuditError where this process has another module of this name than the one of the current folder."""
    top, here = name.partition(".")[0], str(Path.cwd())
    loaded, wanted = sys.modules.get(top), PathFinder.find_spec(top, [here]) if top else None
    if loaded is None or wanted is None:
        return
    theirs, ours = _files(wanted), _files(getattr(loaded, "__spec__", None))
    if {os.path.realpath(file) for file in theirs} & {os.path.realpath(file) for file in ours}:
        return
    hiding = f"{ours[0]}, which" if ours else f"the {top!r} of the interpreter, which"
    raise AuditError(
        f"{said}: {os.path.relpath(theirs[0], here)} is hidden by {hiding} this command has imported as "
        f"{top!r}: rename yours, or move it into a package of another name"
    ) from cause


def _sought(cause: BaseException | None) -> str:
    """The module in which a name was not found; empty if there is none."""
    if isinstance(cause, ImportError):
        return cause.name or ""
    return cause.obj.__name__ if isinstance(cause, AttributeError) and isinstance(cause.obj, ModuleType) else ""


def _files(spec: ModuleSpec | None) -> list[str]:
    """A module's file; of a folder without `__init__.py` all its places."""
    if spec is not None and spec.has_location and spec.origin:
        return [spec.origin]
    return list(spec.submodule_search_locations or []) if spec else []
