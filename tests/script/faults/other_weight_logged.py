"""A distillation whose temperature is in the loss that is logged, and not in the one that trains."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
teacher = nn.Linear(8, 5).requires_grad_(False)
student = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 5))
optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3)
T, history = 4.0, []
for _ in range(5):
    x, y = torch.randn(32, 8), torch.randint(5, (32,))
    logits = student(x)
    hard = F.cross_entropy(logits, y)
    soft = F.kl_div(F.log_softmax(logits / T, 1), F.softmax(teacher(x) / T, 1), reduction="batchmean")
    loss = hard + T * T * soft
    optimizer.zero_grad()
    (hard + soft).backward()
    optimizer.step()
    history.append(loss.detach())
