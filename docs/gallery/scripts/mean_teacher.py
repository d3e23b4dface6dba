"""A mean teacher, kept by the AveragedModel of PyTorch: few labels, and a student that agrees with its own average."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
student = nn.Sequential()
student.add_module("backbone", nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU()))
student.add_module("head", nn.Linear(32, 4))
teacher = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(0.99))
optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3)

for step in range(10):
    x, y, unlabelled = torch.randn(8, 16), torch.randint(0, 4, (8,)), torch.randn(32, 16)
    supervised = F.cross_entropy(student(x), y)
    with torch.no_grad():
        aim = teacher(unlabelled + 0.1 * torch.randn_like(unlabelled)).softmax(dim=1)
    consistency = F.mse_loss(student(unlabelled).softmax(dim=1), aim)
    loss = supervised + 0.5 * consistency
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    teacher.update_parameters(student)
