"""Encoded pictures, decoded by the decoders that are meant and by no other."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jepa_world_model.data.square_image import to_square
from jepa_world_model.errors import UserError
from jepa_world_model.input_files import check_file, readable

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Pillow guesses a format by content, whatever the name says, and some of its decoders start other programs."""
KNOWN = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM")
"""Of JPEG, PNG, WebP and BMP."""
SHOWN_BYTES = 12
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
DEEP = {"I;16", "I;16B", "I;16L", "I;16N", "I"}
"""Modes of a grey picture of 16 bits."""


def decode_image(path: Path, size: int) -> np.ndarray:
    """A picture as uint8 RGB [size, size, 3], turned as its EXIF says. Raises UserError that names the file."""
    return to_square(read_image(path), size)


def read_image(path: Path) -> np.ndarray:
    """A picture as uint8 RGB [H, W, 3], turned as its EXIF says. Raises UserError that names the file."""
    check_file(path, "an image")
    with readable(path):
        content = path.read_bytes()
    return decoded(content, str(path))


def decoded(content: bytes, where: str) -> np.ndarray:
    """As `read_image`, of the bytes of a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                return np.array(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"), dtype=np.uint8)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise UserError(f"{where}: is too large to be decoded ({error}); shrink it first") from error
    except (OSError, SyntaxError, ValueError, OverflowError) as error:
        why = _unknown(content) if isinstance(error, UnidentifiedImageError) else str(error)
        raise UserError(f"{where}: expected a {KNOWN} image, found one that cannot be decoded ({why})") from error


def _unknown(content: bytes) -> str:
    """Why a file is no image; Pillow says nothing about its content."""
    if content.startswith(SIGNATURES):
        return "it is damaged or cut"
    return f"it begins with {content[:SHOWN_BYTES]!r}" if content else "it is empty"


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits keeps its brightness; Pillow alone would cut everything above 255 to white."""
    if image.mode not in DEEP:
        return image
    return Image.fromarray((np.asarray(image, dtype=np.float64) / 257).round().clip(0, 255).astype(np.uint8))
