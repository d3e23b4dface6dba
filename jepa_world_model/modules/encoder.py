"""x -> z."""

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Strided convolutions and global average pooling: a place descriptor without memory.

    Two channels with each pixel's coordinates join the image (CoordConv, arXiv 1807.03247): pooling forgets where a
    feature was seen, and a world model must not.
    """

    def __init__(self, channels: int, image_size: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("coordinates", _coordinates(image_size), persistent=False)
        self.layers = nn.Sequential()
        for width_in, width_out in zip((channels + 2, *widths[:-1]), widths, strict=True):
            self.layers.append(nn.Conv2d(width_in, width_out, kernel_size=3, stride=2, padding=1))
            self.layers.append(nn.ReLU())
        self.layers.pop(-1)
        self.norm = nn.LayerNorm(widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Frames [..., C, H, W] to embeddings [..., Dz]."""
        images = x.flatten(0, -4)
        coordinates = self.coordinates.expand(images.shape[0], -1, -1, -1)
        features = self.layers(torch.cat([images, coordinates], dim=1))
        return self.norm(features.mean(dim=(-2, -1))).unflatten(0, x.shape[:-3])


def _coordinates(size: int) -> Tensor:
    """[1, 2, H, W]: row and column of each pixel, from -1 to 1."""
    line = torch.linspace(-1.0, 1.0, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij")).unsqueeze(0)
