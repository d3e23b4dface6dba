"""A walk as a film: the frame, the goal, what was imagined of the move, and the pose on a map of p."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from jepa_world_model.pictures.colours import as_colours
from jepa_world_model.pictures.principal_axes import principal_axes

SIDE, GAP, HEAD = 192, 8, 18
MILLISECONDS = 350
PAPER, INK, FAINT, PATH, NOW = (250, 250, 250), (30, 30, 30), (205, 205, 215), (76, 120, 168), (228, 87, 86)
LAST = 5
"""So many times longer the last picture stays."""


@dataclass(frozen=True)
class Moment:
    """One move of a walk, or its start."""

    action: str
    frame: np.ndarray
    """[H, W, C] uint8"""
    imagined: np.ndarray | None
    """[H, W, C] in [0, 1]: the frame that the model expected."""
    z: np.ndarray
    """[Dz] of the frame"""
    p: np.ndarray
    """[Dp] by odometry"""


class Film:
    """Pictures of moments, added one by one."""

    def __init__(self, goal: np.ndarray, poses: np.ndarray) -> None:
        """The goal's frame [H, W, C] uint8, and poses [N, T, Dp] of other walks for the map."""
        self._goal = goal / 255.0
        flat = poses.reshape(-1, poses.shape[-1])
        self._flat = principal_axes(flat)
        self._known = self._flat(flat)
        self._walked: list[np.ndarray] = []
        self._pictures: list[Image.Image] = []

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, moment: Moment) -> None:
        """One more picture."""
        self._walked.append(self._flat(moment.p[None])[0])
        panels = [
            (f"{len(self)}: {moment.action}", _enlarged(moment.frame / 255.0)),
            ("goal", _enlarged(self._goal)),
            ("imagined", _enlarged(np.zeros((1, 1, 3)) if moment.imagined is None else moment.imagined)),
            ("map of p", self._map()),
        ]
        picture = Image.new("RGB", (len(panels) * (SIDE + GAP) + GAP, SIDE + HEAD + GAP), PAPER)
        draw = ImageDraw.Draw(picture)
        for number, (title, panel) in enumerate(panels):
            left = GAP + number * (SIDE + GAP)
            draw.text((left, 3), title, fill=INK)
            picture.paste(panel, (left, HEAD))
        self._pictures.append(picture)

    def gif(self) -> bytes:
        """The film."""
        content = BytesIO()
        first, *others = self._pictures
        durations = [MILLISECONDS] * len(others) + [LAST * MILLISECONDS]
        first.save(content, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
        return content.getvalue()

    def _map(self) -> Image.Image:
        everything = np.concatenate([self._known, self._walked])
        everything = np.nan_to_num(everything)
        low, span = everything.min(axis=0), np.ptp(everything, axis=0).max() or 1.0
        panel = Image.new("RGB", (SIDE, SIDE), (255, 255, 255))
        draw = ImageDraw.Draw(panel)

        def place(point: np.ndarray) -> tuple[float, float]:
            x, y = np.nan_to_num(point - low) / span * (SIDE - 12) + 6
            return float(x), float(y)

        for point in self._known[:: max(1, len(self._known) // 800)]:
            draw.point(place(point), fill=FAINT)
        if len(self._walked) > 1:
            draw.line([place(point) for point in self._walked], fill=PATH, width=2)
        x, y = place(self._walked[-1])
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=NOW)
        return panel


def _enlarged(frame: np.ndarray) -> Image.Image:
    """A frame [H, W, C] in [0, 1] as a square of SIDE pixels."""
    shown = as_colours(frame)
    colours = np.broadcast_to(shown, (*shown.shape[:2], 3))
    return Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
