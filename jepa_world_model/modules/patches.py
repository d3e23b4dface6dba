"""Images as grids of patches, and back. Both copy whole rows of patches of channels-last images: faster than
`pixel_unshuffle` and `pixel_shuffle`, whose order of channels is another."""

from torch import Tensor


def to_patches(images: Tensor, size: int) -> Tensor:
    """Images [N, C, H, W] to the grid of their patches, each one vector: [N, size * size * C, H / size, W / size]."""
    patches = images.unflatten(-1, (-1, size)).unflatten(-3, (-1, size))  # [N, C, H', size, W', size]
    return patches.permute(0, 2, 4, 3, 5, 1).flatten(3).permute(0, 3, 1, 2)


def from_patches(grid: Tensor, size: int) -> Tensor:
    """The inverse of `to_patches`."""
    rows = grid.permute(0, 2, 3, 1).unflatten(-1, (size, size, -1)).transpose(2, 3)  # [N, H', size, W', size, C]
    return rows.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
