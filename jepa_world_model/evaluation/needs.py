"""What data must have for a figure to say anything: arrays of the truth, and what these and the actions are like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from jepa_world_model.evaluation.held_out import HeldOut

CELLS = "cells"
"""A position of whole numbers, so that two frames can be of the same one."""
CHOICES, ONE_CHOICE, MOVES, QUANTITIES = "choices", "one choice", "moves", "quantities"
"""Actions of 0 and 1; those with at most one 1; at least two different ones besides the NOOP; real ones."""


def why_not(data: HeldOut, needs: Iterable[str]) -> str:
    """Why a figure with these needs cannot be measured on this data; empty where it can.

    A need is the name of an array of the truth, or one of `PROPERTIES`.
    """
    needs = tuple(needs)
    absent = [name for name in map(_array_of, needs) if name and name not in data.truth]
    if absent:
        return f"the data has no {', '.join(dict.fromkeys(absent))}"
    reasons = [PROPERTIES[name](data) for name in needs if name in PROPERTIES]
    return next(filter(None, reasons), "")


def _array_of(need: str) -> str:
    """The array of the truth that a need is about, if it is about any."""
    return "position" if need == CELLS else "" if need in PROPERTIES and need != "position" else need


def _no_position(data: HeldOut) -> str:
    found = data.truth["position"]
    fits = found.ndim == 3 and found.dtype.kind in "biuf" and np.isfinite(found).all()
    return "" if fits else "needs a position that is a row of finite numbers"


def _no_cells(data: HeldOut) -> str:
    if reason := _no_position(data):
        return reason
    found = data.truth["position"]
    return "" if (found == np.round(found)).all() else "needs a position in cells, the data has one of real numbers"


def _no_choices(data: HeldOut) -> str:
    return "" if np.isin(data.actions, (0, 1)).all() else "needs actions of 0 and 1, the data has real ones"


def _no_one_choice(data: HeldOut) -> str:
    several = (data.actions.sum(axis=-1) > 1).any()
    return _no_choices(data) or ("needs one choice at a time, the data has several" if several else "")


def _no_moves(data: HeldOut) -> str:
    if reason := _no_choices(data):
        return reason
    return "" if data.distinct_actions.any(axis=-1).sum() > 1 else "needs two different actions, the data has fewer"


def _no_quantities(data: HeldOut) -> str:
    return "" if _no_choices(data) else "needs real actions, the data has those of 0 and 1"


PROPERTIES: Mapping[str, Callable[[HeldOut], str]] = {
    "position": _no_position,
    CELLS: _no_cells,
    CHOICES: _no_choices,
    ONE_CHOICE: _no_one_choice,
    MOVES: _no_moves,
    QUANTITIES: _no_quantities,
}
"""By name: what is missing of it, in words; empty where nothing is."""
