"""Fine-tuning in bfloat16 without a copy in float32: a scale of 1 never leaves 1."""

import torch
from torch import nn


class TinyLM(nn.Module):
    def __init__(self, vocabulary=32, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.mixer = nn.GRU(width, width, batch_first=True)
        self.norm = nn.RMSNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        return self.lm_head(self.norm(self.mixer(self.embed(tokens))[0]))


torch.manual_seed(0)
model = TinyLM().to(torch.bfloat16)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
for _ in range(3):
    tokens = torch.randint(32, (4, 12))
    logits = model(tokens[:, :-1]).float()
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
