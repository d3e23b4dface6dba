"""Low-rank adapters on a frozen base; gradient is accumulated over micro batches, with a learning-rate schedule."""

import math

import torch
import torch.nn as nn


class LoRALinear(nn.Module):
    def __init__(self, base: nn.Linear, rank=2, alpha=4):
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + (x @ self.lora_A.T @ self.lora_B.T) * self.scale


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        return x + self.out(torch.softmax(self.q(x), -1) * self.v(x))


class Model(nn.Module):
    def __init__(self, width=8, vocab=11):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.block = Block(width)
        self.lm_head = nn.Linear(width, vocab)

    def forward(self, ids, labels=None):
        logits = self.lm_head(self.block(self.embed(ids)))
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return out


def add_lora(model):
    for p in model.parameters():
        p.requires_grad = False
    for name in ("q", "v"):
        setattr(model.block, name, LoRALinear(getattr(model.block, name)))
    return model


def main():
    torch.manual_seed(0)
    model = add_lora(Model())
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    accumulation_steps = 2
    for step in range(6):
        ids = torch.randint(0, 11, (4, 5))
        outputs = model(ids, labels=ids)
        loss = outputs["loss"] / accumulation_steps
        loss.backward()
        if (step + 1) % accumulation_steps == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


main()
