"""Carries out `jepa data convert`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jepa_cli.terminal.progress import counted
from jepa_cli.terminal.safe_text import safe
from jepa_world_model.data.readers.conversion import convert
from jepa_world_model.data.readers.fitting import check_fit
from jepa_world_model.data.readers.overview import opened
from jepa_world_model.data.readers.shaping import Shaping
from jepa_world_model.data.recording import check_amounts


@dataclass(frozen=True)
class ConvertRequest:
    """The options, as typed."""

    path: str
    out: Path
    size: int
    cameras: tuple[str, ...]
    fit: str


def run_convert(request: ConvertRequest) -> None:
    """Write a data set in the open format. Raises UserError for one that cannot be read, and for an `out` in use."""
    check_fit(request.fit)
    check_amounts(size=request.size)
    raw = opened(request.path)
    shaping = Shaping(request.size, request.fit, request.cameras)
    with counted("converting", len(raw.episodes), "trajectories") as progress:
        notes = convert(raw, shaping, request.out, lambda done, total: progress(done))
    frames = f"{raw.frames} frames of {request.size}x{request.size}"
    print(safe(f"{len(raw.episodes)} trajectories, {frames}, in {request.out}"))
    for note in notes:
        print(safe(f"note: {note}"))
    sized = f" --set model.image_size={request.size}" if request.size != 64 else ""
    print(safe(f"next: jepa train --data {request.out}{sized}"))
