"""A walk on a terminal: pictures in half blocks where there is colour, lines elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import numpy as np

from jepa_cli.terminal.safe_text import safe
from jepa_world_model.pictures.walk_film import Moment

CELLS = 24
"""Columns of a picture."""


class WalkView:
    """Says every move; on a terminal with the frame and what was imagined next to each other."""

    def __init__(self, stream: TextIO, goal: str) -> None:
        self._stream, self._moves = stream, 0
        self._pictures = stream.isatty()
        print(safe(f"goal  {goal}"), file=stream)

    def chosen(self, planner: str, success: float | None) -> None:
        """The planner that nobody named, and the share of goals that it reached when that was measured."""
        why = "jepa eval measures which is best" if success is None else f"reached {100 * success:.0f}% in jepa eval"
        print(safe(f"planner  {planner} ({why})"), file=self._stream)

    def show(self, moment: Moment) -> None:
        """One move."""
        text = "start" if moment.imagined is None else f"move {self._moves}  {moment.action}{_error(moment)}"
        self._moves += 1
        if self._pictures:
            shown = [moment.frame / 255.0] + ([] if moment.imagined is None else [moment.imagined])
            print("\n".join(_half_blocks(shown)), file=self._stream)
        print(text, file=self._stream)

    def end(self, reached: bool, moves: int, shortest: int | None, film: Path) -> None:
        """How it ended."""
        compared = "" if shortest is None else f"; a shortest path has {shortest}"
        outcome = f"reached after {moves} moves" if reached else f"not reached in {moves} moves"
        print(safe(f"{outcome}{compared}\nfilm  {film}"), file=self._stream)


def _error(moment: Moment) -> str:
    """How far the imagined frame is from the one that came."""
    if moment.imagined is None:
        return ""
    error = float(np.square(moment.imagined - moment.frame / 255.0).mean() ** 0.5)
    return f"  imagined frame off by {error:.3f} of the brightness range"


def _half_blocks(frames: list[np.ndarray]) -> list[str]:
    """Frames [H, W, C] in [0, 1] side by side: the upper half of a cell in its colour, the lower one behind it."""
    images = [_reduced(frame) for frame in frames]
    lines = []
    for row in range(0, CELLS, 2):
        line = "  ".join("".join(_cell(image[row, x], image[row + 1, x]) for x in range(CELLS)) for image in images)
        lines.append(f"{line}\x1b[0m")
    return lines


def _reduced(frame: np.ndarray) -> np.ndarray:
    """[CELLS, CELLS, 3] uint8, each the nearest pixel."""
    rows = (np.arange(CELLS) + 0.5) * frame.shape[0] / CELLS
    columns = (np.arange(CELLS) + 0.5) * frame.shape[1] / CELLS
    picked = frame[rows.astype(int)][:, columns.astype(int)]
    colours = picked if picked.shape[-1] == 3 else np.repeat(picked[..., :1], 3, axis=-1)
    return (colours.clip(0, 1) * 255).astype(np.uint8)


def _cell(upper: np.ndarray, lower: np.ndarray) -> str:
    front, back = (";".join(map(str, colour.tolist())) for colour in (upper, lower))
    return f"\x1b[38;2;{front}m\x1b[48;2;{back}m▀\x1b[0m"
