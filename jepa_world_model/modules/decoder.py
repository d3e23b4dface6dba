"""z -> x."""

from torch import Tensor, nn

from jepa_world_model.modules.convolution import he_initialised


class Decoder(nn.Module):
    """Transposed convolutions from a small grid back to the image."""

    def __init__(self, embedding_dim: int, channels: int, image_size: int, widths: tuple[int, ...]) -> None:
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

    def forward(self, z: Tensor) -> Tensor:
        """Embeddings [..., Dz] to frames [..., C, H, W]; real numbers, not clipped to [0, 1]."""
        return self.layers(self.grid(z.flatten(0, -2))).unflatten(0, z.shape[:-1])
