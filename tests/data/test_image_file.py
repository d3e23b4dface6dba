"""Pictures of strangers: the right brightness, the right way up, and no decoder that was not meant."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_world_model.data import open_source
from jepa_world_model.data.image_file import decode_image
from jepa_world_model.data.npy_file import read_header
from jepa_world_model.errors import UserError

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"


def refused(path: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        decode_image(path, 8)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [POSTSCRIPT, b"GIF89a", b"II*\0", b"#define w 8", b""])
def test_other_formats_are_refused_whatever_their_name_says(content: bytes, tmp_path: Path) -> None:
    """Pillow would start Ghostscript on the first."""
    (tmp_path / "0.png").write_bytes(content)
    refused(tmp_path / "0.png", "expected a PNG, JPEG, WEBP or BMP image")


def test_no_other_program_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "0.png").write_bytes(POSTSCRIPT)
    refused(tmp_path / "0.png", "cannot be decoded")
    assert not (tmp_path / "started").exists()


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    grey = np.tile(np.linspace(0, 65535, 8).astype(np.uint16), (8, 1))
    Image.fromarray(grey).save(tmp_path / "0.png")
    expected = (grey / 257).round().astype(np.uint8)
    assert (decode_image(tmp_path / "0.png", 8) == expected[..., None]).all()


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4] = 255
    image, turned = Image.fromarray(upright), Image.Exif()
    turned[0x0112] = 3  # held upside down
    image.save(tmp_path / "0.png", exif=turned)
    assert (decode_image(tmp_path / "0.png", 8) == upright[::-1]).all()


def test_a_picture_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    for side, message in (
        (60_000, "is too large"),
        (14_000, "is too large"),
        (10**9, "is too large|cannot be decoded"),
    ):
        header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
        content = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")
        )
        (tmp_path / "0.png").write_bytes(content)
        refused(tmp_path / "0.png", message)


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.png")
    refused(tmp_path / "0.png", "expected an image, found a pipe")
    (tmp_path / "1.png").symlink_to("nowhere")
    refused(tmp_path / "1.png", "leads to nothing")
    (tmp_path / "2.png").symlink_to("2.png")
    refused(tmp_path / "2.png", "cannot be read")
    (tmp_path / "3.png").symlink_to("/dev/zero")
    refused(tmp_path / "3.png", "found a device")
    os.mkfifo(tmp_path / "frames.npy")
    with pytest.raises(UserError, match="expected a file, found a pipe"):
        read_header(tmp_path / "frames.npy")


def opened(source: str) -> None:
    open_source(source, image_size=16, episodes=2, episode_length=4, seed=0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("~nobody-of-this-name/x", "home"),
        ("x" * 300, "cannot be read"),
        ("a\0b", "null character"),
        ("nowhere", "neither a folder"),
    ],
)
def test_sources_that_are_no_path_are_one_message(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        opened(source)


def test_names_that_are_no_text_are_read_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for run in ("a", "b"):
        (tmp_path / "data" / run).mkdir(parents=True)
        np.savez(tmp_path / "data" / run / "actions.npz", actions=np.eye(2))
        for step in range(2):
            Image.new("RGB", (16, 16)).save(tmp_path / "data" / run / f"{step}.png")
    os.rename(tmp_path / "data" / "a" / "1.png", os.fsencode(tmp_path / "data" / "a") + b"/1\xff.png")
    opened(str(tmp_path / "data"))


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 50_000, "\xff", "1" + "0" * 5000])
def test_a_damaged_description_is_one_message(content: str, tmp_path: Path) -> None:
    episode = tmp_path / "episode_0"
    episode.mkdir()
    np.save(episode / "frames.npy", np.zeros((4, 16, 16, 3), np.uint8))
    np.save(episode / "actions.npy", np.eye(4))
    (tmp_path / "dataset.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"dataset\.json: expected JSON"):
        opened(str(tmp_path))
