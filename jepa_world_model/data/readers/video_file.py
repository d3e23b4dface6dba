"""Video files, decoded frame by frame by the container that their name says, and by no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jepa_world_model.data.readers.packages import needed
from jepa_world_model.data.readers.raw import Camera
from jepa_world_model.data.readers.tar_file import Member
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file

CONTAINERS = {".mp4": "mov", ".mov": "mov", ".m4v": "mov", ".mkv": "matroska", ".webm": "matroska", ".avi": "avi"}
"""FFmpeg guesses a container by content, and some, such as playlists, open other files and addresses."""
SUFFIXES = tuple(CONTAINERS)
NO_CODEC = ": is packed by a codec that is not installed; convert it, for instance with ffmpeg -c:v libx264"
BLOCK = 32
"""Frames that are given at once."""


class VideoFacts(NamedTuple):
    """What is known without decoding."""

    frames: int
    shape: tuple[int, int, int]
    seconds_a_frame: float


Video = Path | Member


def facts_of(path: Video) -> VideoFacts:
    """Raises UserError for a file that is no video, or that was not written to its end."""
    file = path if isinstance(path, Path) else path.archive
    check_file(file, "a video")
    return _facts(path, file.stat().st_mtime_ns)


def video_camera(path: Video, start: int = 0, count: int | None = None, where: str = "") -> Camera:
    """A camera of `count` frames of a video from frame `start` on; all by default.

    Raises UserError for frames that are not there.
    """
    facts = facts_of(path)
    count = facts.frames - start if count is None else count
    if start + count > facts.frames:
        raise UserError(
            f"{_said(path)}: expected {start + count} frames for {where or 'its episodes'}, found {facts.frames}; "
            "it was cut short, or belongs to another episode"
        )
    return Camera(count, facts.shape, lambda: _blocks(path, start, count))


@lru_cache(maxsize=100_000)
def _facts(path: Video, changed: int) -> VideoFacts:
    """`changed` keeps a file apart from what was there before."""
    with _opened(path) as (container, stream):
        codec = stream.codec_context
        if codec.width < 1 or codec.height < 1:
            raise UserError(f"{_said(path)}: expected a video with pictures, found none")
        frames = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
        rate = stream.average_rate
        return VideoFacts(int(frames), (int(codec.height), int(codec.width), 3), float(1 / rate) if rate else 0.0)


def _blocks(path: Video, start: int, count: int) -> Iterator[np.ndarray]:
    """Frames [n, H, W, 3] in the order in which they are shown."""
    block: list[np.ndarray] = []
    with _opened(path) as (container, stream):
        for number, frame in enumerate(_from(container, stream, start)):
            if number == count:
                break
            block.append(frame.to_ndarray(format="rgb24"))
            if len(block) == BLOCK:
                yield np.stack(block)
                block = []
    if block:
        yield np.stack(block)


def _from(container: Any, stream: Any, start: int) -> Iterator[Any]:
    """Decoded frames from number `start` on; decoding begins at the key frame before it."""
    rate, base = stream.average_rate, stream.time_base
    if start and rate and base:
        offset = stream.start_time or 0
        container.seek(int(start / rate / base) + offset, stream=stream)
        for frame in container.decode(stream):
            if frame.pts is None or round((frame.pts - offset) * base * rate) >= start:
                yield frame
        return
    for number, frame in enumerate(container.decode(stream)):
        if number >= start:
            yield frame


def _said(path: Video) -> str:
    return str(path) if isinstance(path, Path) else path.where


@contextmanager
def _opened(path: Video) -> Iterator[tuple[Any, Any]]:
    """The container and its first video. Raises UserError for whatever the decoder says."""
    av = needed("av", "reading video")
    said = _said(path)
    kind = CONTAINERS.get(Path(said).suffix.lower(), "mov")
    try:
        content = str(path) if isinstance(path, Path) else BytesIO(path.read())
        with av.open(
            content, format=kind, options={"protocol_whitelist": "file"}, metadata_errors="ignore"
        ) as container:
            if not container.streams.video:
                raise UserError(f"{said}: expected a video, found a file without one")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise UserError(said + NO_CODEC)
            stream.thread_type = "AUTO"
            yield container, stream
    except UserError:
        raise
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if "Decoder not found" in reason or "Decoder not found" in str(error):
            raise UserError(said + NO_CODEC) from error
        raise UserError(
            f"{said}: expected a video ({kind}), found a file that is damaged, cut short or something else ({reason}); "
            "copy or record it again"
        ) from error
