"""Two tasks in turns with momentum: the head of the task that rests is moved on."""

import torch
import torch.nn.functional as F

torch.manual_seed(0)
w_shared = torch.nn.Parameter(torch.randn(5, 4) * 0.1)
heads = {"left": torch.nn.Linear(4, 2), "right": torch.nn.Linear(4, 2)}
sgd = torch.optim.SGD([w_shared] + [p for h in heads.values() for p in h.parameters()], lr=0.1, momentum=0.9)

for step in range(8):
    task = "left" if step % 2 == 0 else "right"
    x, y = torch.randn(16, 5), torch.randint(2, (16,))
    sgd.zero_grad(set_to_none=False)
    task_loss = F.cross_entropy(heads[task](x @ w_shared), y)
    task_loss.backward()
    sgd.step()
