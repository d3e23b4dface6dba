"""A module with training_step and configure_optimizers, and a small trainer that calls them."""

import torch
from torch import nn
from torch.nn import functional as F


class LitSiamese(nn.Module):
    def __init__(self, temperature=0.1):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 8))
        self.projector = nn.Linear(8, 6)
        self.classifier = nn.Linear(8, 3)
        self.temperature = temperature
        self.logged = {}

    def log(self, name, value):
        self.logged[name] = float(value.detach())

    def info_nce(self, a, b):
        logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / self.temperature
        return F.cross_entropy(logits, torch.arange(len(a)))

    def training_step(self, batch, batch_idx):
        x1, x2, y = batch
        f1, f2 = self.backbone(x1), self.backbone(x2)
        contrastive = self.info_nce(self.projector(f1), self.projector(f2))
        probe = F.cross_entropy(self.classifier(f1.detach()), y)
        loss = contrastive + probe
        self.log("train/contrastive", contrastive)
        self.log("train/probe", probe)
        return {"loss": loss, "contrastive": contrastive.detach()}

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)}


class Trainer:
    def __init__(self, max_epochs):
        self.max_epochs = max_epochs

    def fit(self, module, batches):
        module.train()
        configured = module.configure_optimizers()
        optimizer = configured["optimizer"]
        for _ in range(self.max_epochs):
            for index, batch in enumerate(batches):

                def closure():
                    optimizer.zero_grad()
                    output = module.training_step(batch, index)
                    output["loss"].backward()
                    return output["loss"]

                optimizer.step(closure)
            configured["lr_scheduler"].step()


if __name__ == "__main__":
    torch.manual_seed(0)
    batches = [(torch.randn(8, 10), torch.randn(8, 10), torch.randint(0, 3, (8,))) for _ in range(3)]
    Trainer(max_epochs=2).fit(LitSiamese(), batches)
