"""A VQ-VAE on small images, with the quantizer of vector-quantize-pytorch."""

import torch
import torch.nn.functional as F
from torch import nn
from vector_quantize_pytorch import VectorQuantize


class VQVAE(nn.Module):
    def __init__(self, dim: int = 16, codes: int = 32) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, dim, 4, stride=2, padding=1), nn.GELU(), nn.Conv2d(dim, dim, 4, stride=2, padding=1)
        )
        self.vq = VectorQuantize(
            dim=dim, codebook_size=codes, decay=0.8, commitment_weight=0.25, accept_image_fmap=True
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(dim, dim, 4, stride=2, padding=1),
            nn.GELU(),
            nn.ConvTranspose2d(dim, 1, 4, stride=2, padding=1),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        quantized, indices, commit_loss = self.vq(self.encoder(x))
        return self.decoder(quantized), indices, commit_loss


def train(model: VQVAE, steps: int = 20) -> None:
    opt = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for _ in range(steps):
        x = torch.rand(8, 1, 16, 16)
        out, _, cmt_loss = model(x)
        rec_loss = F.l1_loss(out.clamp(-1, 1), x)
        opt.zero_grad()
        (rec_loss + 10 * cmt_loss).backward()
        opt.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    train(VQVAE())
