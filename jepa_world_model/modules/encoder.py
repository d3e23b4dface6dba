"""x -> z."""

import torch
from torch import Tensor, nn

from jepa_world_model.modules.batch_norm import BatchNorm1d
from jepa_world_model.modules.convolution import he_initialised
from jepa_world_model.modules.patches import to_patches
from jepa_world_model.modules.proprioception import Proprioception

MOMENTUM = 0.3


class Encoder(nn.Module):
    """Strided convolutions, global max pooling and batch norm: a place descriptor without memory.

    Two channels with each pixel's coordinates join the image (CoordConv, arXiv 1807.03247): pooling forgets where a
    feature was seen, and a world model must not. Frames of one world look alike, so that without batch norm they lie
    close together in z, and what all of them share moves further from step to step than they differ: the decoder
    learns to ignore its input, and what predicts z chases it.

    With patches (as in ViT, arXiv 2010.11929) the first layer sees each of them as one pixel of many channels: layers
    at the full size of the image take most of the time, and see least. The coordinates are then those of the patch.
    """

    coordinates: Tensor
    mean_frame: Tensor

    def __init__(
        self,
        channels: int,
        image_size: int,
        widths: tuple[int, ...],
        *,
        mean_frame: bool = False,
        patch_size: int = 1,
        proprioception: int = 0,
    ) -> None:
        """`patch_size` is the side of a patch, 1 for none; `proprioception` is P, the width of the vector that is seen
        beside each frame, 0 without."""
        super().__init__()
        if mean_frame:
            self.register_buffer("mean_frame", torch.zeros(channels, image_size, image_size))
        self.register_buffer("coordinates", _coordinates(image_size // patch_size), persistent=False)
        self.layers = nn.Sequential()
        for width_in, width_out in zip((channels * patch_size**2 + 2, *widths[:-1]), widths, strict=True):
            self.layers.append(he_initialised(nn.Conv2d(width_in, width_out, kernel_size=3, stride=2, padding=1)))
            self.layers.append(nn.ReLU())
        self.layers.pop(-1)
        self._patch_size = patch_size
        self._width_beside = proprioception
        if proprioception:
            self.proprioception = Proprioception(proprioception, widths[-1])
        self.norm = BatchNorm1d(widths[-1], momentum=MOMENTUM)

    def forward(self, x: Tensor, s: Tensor | None = None) -> Tensor:
        """Frames [..., C, H, W], and proprioception s [..., P] if it sees one, to embeddings [..., Dz].

        Raises ValueError where s is missing, or has another width than the encoder was made for.
        """
        return self.norm(self._pooled(x, s)).unflatten(0, x.shape[:-3])

    @torch.no_grad()
    def standardise(self, x: Tensor, s: Tensor | None = None) -> None:
        """Set the running statistics from frames [..., C, H, W], so that an untrained encoder is normalised too."""
        self.norm.running_var, self.norm.running_mean = torch.var_mean(self._pooled(x, s), dim=0)

    def _pooled(self, x: Tensor, s: Tensor | None) -> Tensor:
        beside = 0 if s is None else s.shape[-1]
        if beside != self._width_beside:
            raise ValueError(f"expected proprioception of width {self._width_beside}, found {beside}")
        images = x.flatten(0, -4)
        if "mean_frame" in self._buffers:
            images = images - self.mean_frame[None].contiguous(memory_format=torch.channels_last)
        if self._patch_size > 1:
            images = to_patches(images, self._patch_size)
        coordinates = self.coordinates.expand(len(images), -1, -1, -1)
        placed = torch.cat([images, coordinates], dim=1).contiguous(memory_format=torch.channels_last)
        pooled = self.layers(placed).amax(dim=(-2, -1))
        return pooled if s is None else pooled + self.proprioception(s.flatten(0, -2))


def _coordinates(size: int) -> Tensor:
    """[1, 2, H, W]: row and column of each pixel, from -1 to 1."""
    line = torch.linspace(-1.0, 1.0, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij")).unsqueeze(0)
