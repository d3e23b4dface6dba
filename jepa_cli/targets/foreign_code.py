"""Calls into the code of another trainer: an exception becomes one message with its place."""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from audits import AuditError, Place
from audits.recording.source_lines import HERE, STANDARD_LIBRARY, TORCH

OURS = (TORCH, HERE, os.path.dirname(os.path.dirname(__file__)) + os.sep, "<")
INSTALLED = ("site-packages", "dist-packages")


@contextmanager
def explained(doing: str, *, fallback: str = "") -> Iterator[None]:
    """Raises AuditError for anything that the code inside raises, even an exit: `doing`, and what was raised where.

    `fallback` is the place that is named where no line of that code was running.
    """
    try:
        yield
    except (AuditError, KeyboardInterrupt):
        raise
    except BaseException as error:  # code that is not ours may raise anything, such as SystemExit or pytest's Skipped
        place = _place(error) or fallback
        where = f" at {place}" if place else ""
        raise AuditError(f"{doing} raised {type(error).__name__}{where}: {_message(error)}") from error


def explaining(function: Callable[..., Any], doing: str) -> Callable[..., Any]:
    """The same function, its exceptions explained."""

    @wraps(function, assigned=(), updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        with explained(doing, fallback=definition(function)):
            return function(*args, **kwargs)

    return call


def definition(function: Callable[..., Any]) -> str:
    """``my_trainer.py:12``; empty for what is not written in Python."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return str(Place(code.co_filename, code.co_firstlineno, "", "")) if code else ""


def _message(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text.strip() or "it gives no reason"


def _place(error: BaseException) -> str:
    """The innermost line of the other trainer's code, or else of a library that it uses."""
    if isinstance(error, SyntaxError) and error.filename:
        return str(Place(error.filename, error.lineno or 0, "", ""))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(OURS)]
    own = [frame for frame in frames if not _is_library(frame.filename)]
    innermost = next(reversed(own or frames), None)
    return str(Place(innermost.filename, innermost.lineno or 0, "", "")) if innermost else ""


def _is_library(file: str) -> bool:
    return file.startswith(STANDARD_LIBRARY) or any(folder in Path(file).parts for folder in INSTALLED)
