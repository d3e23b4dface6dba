"""z -> x."""

import torch
from torch import Tensor, nn

from jepa_world_model.modules.convolution import he_initialised
from jepa_world_model.modules.patches import from_patches

FIRST_SPRITE = 0.05


class Decoder(nn.Module):
    """From a grid of vectors to the image: by transposed convolutions, or each vector to its own patch by an MLP.

    Each vector of the grid is a linear map of z of its own. With patches nothing else lies between z and a place, such
    as coarser layers that all places share: small things are drawn after fewer steps, and a step costs less.

    With a mean frame it draws only what differs from that. The last layer is then initialised at a twentieth of the
    usual scale: noise over the whole frame would take hundreds of steps to be unlearned.
    """

    mean_frame: Tensor

    def __init__(
        self,
        embedding_dim: int,
        channels: int,
        image_size: int,
        widths: tuple[int, ...],
        *,
        mean_frame: bool = False,
        patch_size: int = 1,
    ) -> None:
        """`widths` run from the image inwards, as the encoder's do; `patch_size` is the side of a patch, 1 for none."""
        super().__init__()
        self._patch_size = patch_size
        grid = image_size // patch_size if patch_size > 1 else image_size >> len(widths)
        self.grid = nn.Sequential(
            nn.Linear(embedding_dim, widths[-1] * grid * grid), nn.Unflatten(-1, (widths[-1], grid, grid))
        )
        self.layers = nn.Sequential()
        for width_in, width_out in zip(
            reversed(widths), (*reversed(widths[:-1]), channels * patch_size**2), strict=True
        ):
            self.layers.append(nn.ReLU())
            self.layers.append(he_initialised(_layer(width_in, width_out, patches=patch_size > 1)))
        if mean_frame:
            self.register_buffer("mean_frame", torch.zeros(channels, image_size, image_size))
            with torch.no_grad():
                for parameter in self.layers[-1].parameters():
                    parameter.mul_(FIRST_SPRITE)

    def forward(self, z: Tensor) -> Tensor:
        """Embeddings [..., Dz] to frames [..., C, H, W]; real numbers, not clipped to [0, 1]."""
        frames = self.layers(self.grid(z.flatten(0, -2)))
        if self._patch_size > 1:
            frames = from_patches(frames, self._patch_size)
        if "mean_frame" in self._buffers:
            frames = frames + self.mean_frame[None].contiguous(memory_format=torch.channels_last)
        return frames.unflatten(0, z.shape[:-1])


def _layer(width_in: int, width_out: int, *, patches: bool) -> nn.Conv2d | nn.ConvTranspose2d:
    """Of the MLP of a patch, or one that doubles the grid."""
    if patches:
        return nn.Conv2d(width_in, width_out, kernel_size=1)
    return nn.ConvTranspose2d(width_in, width_out, kernel_size=4, stride=2, padding=1)
