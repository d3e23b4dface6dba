"""What is reported about a run that has trained can never fail the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jepa_world_model.errors import UserError
from jepa_world_model.training.observer import StopTraining

if TYPE_CHECKING:
    from jepa_world_model.training.observer import Observer


@contextmanager
def told(observer: Observer, what: str) -> Iterator[None]:
    """An exception becomes a warning that begins with `what`; an interrupt and StopTraining pass."""
    try:
        yield
    except StopTraining:
        raise
    except UserError as mistake:
        observer.on_warning(f"{what}: {mistake}")
    except Exception as bug:
        observer.on_warning(f"{what}: {type(bug).__name__}: {bug}")
