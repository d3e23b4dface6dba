"""Pictures of the embedded worlds: a background painted once, sprites pasted on it by indexing."""

from functools import cache

import numpy as np

from jepa_world_model.data.grid_map import CELLS

CELL_PIXELS = 7  # a line of one pixel, then six pixels of the cell
IMAGE_SIZE = CELLS * CELL_PIXELS + 1

WALL, WALL_LINE = (38, 40, 48), (52, 55, 66)
ROOM_FLOORS = ((70, 110, 150), (88, 138, 92), (152, 104, 84), (126, 94, 148))  # blue, green, terracotta, violet
DOOR_FLOOR = (176, 170, 156)
CORNERS = ((66, 133, 200), (78, 160, 90), (214, 120, 60), (160, 96, 190))

AGENT = (
    ".oooo.",
    "oooooo",
    "o#oo#o",
    "oooooo",
    "oo##oo",
    ".oooo.",
)
KEY = (
    "......",
    "yyy...",
    "y#yyyy",
    "y#yy#y",
    "yyy..y",
    "......",
)
INK = {"o": (255, 248, 235), "#": (30, 24, 24), "y": (255, 214, 64)}


def paint_cells(colours: np.ndarray) -> np.ndarray:
    """Paint a background [64, 64, 3] uint8 from one colour for each cell [9, 9, 3], with a faint darker grid."""
    image = np.empty((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    cell_of = np.minimum(np.arange(IMAGE_SIZE) // CELL_PIXELS, CELLS - 1)
    image[:] = colours[cell_of[:, None], cell_of[None, :]]
    line = np.arange(IMAGE_SIZE) % CELL_PIXELS == 0
    grid = line[:, None] | line[None, :]
    image[grid] = (image[grid] * 0.86).astype(np.uint8)
    return image


def room_numbers(floor: np.ndarray) -> np.ndarray:
    """Number the four rooms 0 to 3, row by row. The cells [9, 9] of the middle cross, doors and walls, are -1."""
    half = np.sign(np.arange(CELLS) - CELLS // 2)  # -1, 0, 1
    rooms = (half[:, None] > 0) * 2 + (half[None, :] > 0)
    return np.where((half[:, None] == 0) | (half[None, :] == 0) | ~floor, -1, rooms)


def paint_rooms(floor: np.ndarray) -> np.ndarray:
    """Paint four rooms, each with a floor of its own colour, and pale doors. Returns [64, 64, 3] uint8."""
    rooms = room_numbers(floor)
    colours = np.where(floor[..., None], DOOR_FLOOR, WALL)
    inside = rooms >= 0
    colours[inside] = np.array(ROOM_FLOORS)[rooms[inside]]
    checks = (np.indices(floor.shape).sum(axis=0) % 2 == 0) & inside
    colours[checks] = colours[checks] * 92 // 100
    return paint_cells(colours)


def paint_loop(floor: np.ndarray) -> np.ndarray:
    """Paint a ring whose colour fades from one marked corner to the next. Returns [64, 64, 3] uint8."""
    along = np.linspace(0, 1, CELLS)
    down, right = along[:, None, None], along[None, :, None]
    top_left, top_right, bottom_left, bottom_right = np.array(CORNERS, dtype=float)
    faded = (1 - down) * ((1 - right) * top_left + right * top_right)
    faded = faded + down * ((1 - right) * bottom_left + right * bottom_right)
    colours = np.where(floor[..., None], faded * 0.72, WALL)
    colours[:: CELLS - 1, :: CELLS - 1] = np.array(CORNERS).reshape(2, 2, 3)
    return paint_cells(colours)


def paste(frames: np.ndarray, sprite: tuple[str, ...], times: np.ndarray, cells: np.ndarray) -> None:
    """Draw ``sprite`` into frames [T, 64, 64, 3], in place, on cell ``cells[n]`` of frame ``times[n]``."""
    rows, columns, colours = _sprite_pixels(sprite)
    top, left = cells // CELLS * CELL_PIXELS + 1, cells % CELLS * CELL_PIXELS + 1
    frames[times[:, None], top[:, None] + rows, left[:, None] + columns] = colours


@cache
def _sprite_pixels(sprite: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows [P], columns [P] and colours [P, 3] of the pixels that are not transparent."""
    marks = np.array([list(line) for line in sprite])
    rows, columns = np.nonzero(marks != ".")
    colours = np.array([INK[mark] for mark in marks[rows, columns]], dtype=np.uint8)
    return rows, columns, colours


def rescale(frames: np.ndarray, size: int) -> np.ndarray:
    """Scale frames [T, 64, 64, 3] to [T, size, size, 3]: the mean of blocks downwards, repeated pixels upwards.

    ``size`` divides 64 or is a multiple of it.
    """
    if size >= IMAGE_SIZE:
        factor = size // IMAGE_SIZE
        return frames.repeat(factor, axis=1).repeat(factor, axis=2)
    factor = IMAGE_SIZE // size
    blocks = frames.reshape(len(frames), size, factor, size, factor, frames.shape[-1])
    return blocks.mean(axis=(2, 4)).round().astype(np.uint8)
