"""Two losses of one classifier in a loop of accelerate: mixed precision, accumulated gradient, clipping."""

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU())
        self.classifier = nn.Linear(32, 5)
        self.projector = nn.Linear(32, 8)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.backbone(x)
        return self.classifier(features), F.normalize(self.projector(features), dim=-1)


def pulled(embedded: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    alike = (y[:, None] == y[None]).float()
    return ((embedded @ embedded.T - alike) ** 2).mean()


def main() -> None:
    accelerator = Accelerator(cpu=True, mixed_precision="bf16", gradient_accumulation_steps=2)
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(torch.randn(64, 16), torch.randint(0, 5, (64,))), batch_size=16, shuffle=True)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    for _ in range(2):
        for x, y in loader:
            with accelerator.accumulate(model):
                logits, embedded = model(x)
                ce = F.cross_entropy(logits, y)
                similarity = pulled(embedded.float(), y)
                loss = ce + 0.1 * similarity
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()


if __name__ == "__main__":
    main()
