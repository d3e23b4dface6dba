"""Data parallel training of a model with a branch that is not in any loss."""

import tempfile

import torch
from torch import distributed, nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(6, 8)
        self.boxes = nn.Linear(8, 4)
        self.masks = nn.Linear(8, 9)

    def forward(self, x):
        features = self.backbone(x).relu()
        return {"boxes": self.boxes(features), "masks": self.masks(features)}


def main(folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
    detector = nn.parallel.DistributedDataParallel(Detector())
    sgd = torch.optim.SGD(detector.parameters(), lr=0.1)
    for _ in range(3):
        predicted = detector(torch.randn(8, 6))
        box_loss = predicted["boxes"].abs().mean()
        loss = box_loss
        sgd.zero_grad()
        loss.backward()
        sgd.step()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
