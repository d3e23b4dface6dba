"""x -> z."""

import torch
from torch import Tensor, nn

from jepa_world_model.modules.convolution import he_initialised

LEAST_SPREAD = 1e-6


class Encoder(nn.Module):
    """Strided convolutions and global max pooling: a place descriptor without memory.

    Two channels with each pixel's coordinates join the image (CoordConv, arXiv 1807.03247): pooling forgets where a
    feature was seen, and a world model must not.
    """

    def __init__(self, channels: int, image_size: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("coordinates", _coordinates(image_size), persistent=False)
        self.layers = nn.Sequential()
        for width_in, width_out in zip((channels + 2, *widths[:-1]), widths, strict=True):
            self.layers.append(he_initialised(nn.Conv2d(width_in, width_out, kernel_size=3, stride=2, padding=1)))
            self.layers.append(nn.ReLU())
        self.layers.pop(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Frames [..., C, H, W] to embeddings [..., Dz]."""
        images = x.flatten(0, -4)
        coordinates = self.coordinates.expand(len(images), -1, -1, -1)
        features = self.layers(torch.cat([images, coordinates], dim=1))
        return features.amax(dim=(-2, -1)).unflatten(0, x.shape[:-3])

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Rescale the last layer so that embeddings of frames like x [..., C, H, W] have mean 0 and variance 1.

        Frames of one world look alike: an untrained encoder maps them to almost the same point, and a decoder that sees
        no difference learns to ignore its input. An initialisation from data (as in LSUV, arXiv 1511.06422) spreads
        them out. Max pooling commutes with the rescaling, because it is positive.
        """
        spread, mean = torch.std_mean(self(x).flatten(0, -2), dim=0)
        scale = torch.where(spread > LEAST_SPREAD, 1 / spread, 1.0)
        last = self.layers[-1]
        last.weight.mul_(scale[:, None, None, None])
        last.bias.sub_(mean).mul_(scale)


def _coordinates(size: int) -> Tensor:
    """[1, 2, H, W]: row and column of each pixel, from -1 to 1."""
    line = torch.linspace(-1.0, 1.0, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij")).unsqueeze(0)
