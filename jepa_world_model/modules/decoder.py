"""z -> x."""

import torch
from torch import Tensor, nn

from jepa_world_model.modules.convolution import he_initialised


FIRST_SPRITE = 0.05


class Decoder(nn.Module):
    """Transposed convolutions from a small grid back to the image.

    With a mean frame it draws only what differs from that. The last layer is then initialised at a twentieth of the
    usual scale: noise over the whole frame would take hundreds of steps to be unlearned.
    """

    mean_frame: Tensor

    def __init__(
        self, embedding_dim: int, channels: int, image_size: int, widths: tuple[int, ...], *, mean_frame: bool = False
    ) -> None:
        """`widths` run from the image inwards, as the encoder's do."""
        super().__init__()
        grid = image_size >> len(widths)
        self.grid = nn.Sequential(
            nn.Linear(embedding_dim, widths[-1] * grid * grid), nn.Unflatten(-1, (widths[-1], grid, grid))
        )
        self.layers = nn.Sequential()
        for width_in, width_out in zip(reversed(widths), (*reversed(widths[:-1]), channels), strict=True):
            self.layers.append(nn.ReLU())
            self.layers.append(
                he_initialised(nn.ConvTranspose2d(width_in, width_out, kernel_size=4, stride=2, padding=1))
            )
        if mean_frame:
            self.register_buffer("mean_frame", torch.zeros(channels, image_size, image_size))
            with torch.no_grad():
                for parameter in self.layers[-1].parameters():
                    parameter.mul_(FIRST_SPRITE)

    def forward(self, z: Tensor) -> Tensor:
        """Embeddings [..., Dz] to frames [..., C, H, W]; real numbers, not clipped to [0, 1]."""
        frames = self.layers(self.grid(z.flatten(0, -2)))
        if "mean_frame" in self._buffers:
            frames = frames + self.mean_frame
        return frames.unflatten(0, z.shape[:-1])
