"""Transfer learning: the classifier is replaced after the optimizer was made."""

import torch
import torch.nn as nn


class ConvNet(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU())
        self.fc = nn.Linear(16, n_classes)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


def main():
    torch.manual_seed(0)
    model = ConvNet(1000)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.fc = nn.Linear(16, 10)
    criterion = nn.CrossEntropyLoss()
    for _ in range(10):
        images, labels = torch.randn(8, 3, 16, 16), torch.randint(10, (8,))
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()


main()
