"""Small videos, and what is left of their frames after compression."""

from pathlib import Path

import av
import numpy as np

SIDE = 32
STEP = 12


def frames_of(index: int, length: int) -> np.ndarray:
    """Grey of a frame: its time; the left half is dark in even episodes, the right half in odd ones. [T, H, W, 3]"""
    frames = np.zeros((length, SIDE, SIDE, 3), dtype=np.uint8)
    frames[:] = (40 + STEP * np.arange(length) % 200)[:, None, None, None]
    half = slice(0, SIDE // 2) if index % 2 == 0 else slice(SIDE // 2, SIDE)
    frames[:, :, half] = 0
    return frames


def write_video(path: Path, frames: np.ndarray, *, codec: str = "libx264", fps: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.options = {"crf": "4", "g": "6"} if codec == "libx264" else {}
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def assert_close(found: np.ndarray, frames: np.ndarray) -> None:
    """Each frame is nearer to its own than to the one before or after."""
    assert found.shape == frames.shape
    assert np.abs(found.astype(int) - frames)[:, 4:-4, 4:12].mean(axis=(1, 2, 3)).max() < STEP / 2
    assert np.abs(found.astype(int) - frames)[:, 4:-4, -12:-4].mean(axis=(1, 2, 3)).max() < STEP / 2
