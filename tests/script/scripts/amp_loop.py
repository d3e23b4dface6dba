"""A loop with autocast and a gradient scaler behind an accelerator object, and a gradient penalty."""

import contextlib

import torch
from torch import nn


class Accelerator:
    def __init__(self, accumulate=1):
        self.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        self.accumulate = accumulate

    def prepare(self, *things):
        return things

    def autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16)

    def backward(self, loss, **kwargs):
        loss = loss / self.accumulate
        self.scaler.scale(loss).backward(**kwargs)

    def step(self, optimizer):
        self.scaler.unscale_(optimizer)
        self.scaler.step(optimizer)
        self.scaler.update()


def gradient_penalty(critic, x):
    x = x.clone().requires_grad_(True)
    score = critic(x).float()
    (grad,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return ((grad.norm(dim=1) - 1) ** 2).mean()


def train(args):
    torch.manual_seed(args["seed"])
    accelerator = Accelerator()
    embedder = nn.Sequential(nn.Linear(7, 12), nn.Tanh())
    critic = nn.Sequential(nn.Linear(12, 12), nn.Softplus(), nn.Linear(12, 1))
    params = [*embedder.parameters(), *critic.parameters()]
    optimizer = torch.optim.SGD(params, lr=1e-2)
    embedder, critic, optimizer = accelerator.prepare(embedder, critic, optimizer)
    for _ in range(3):
        real, other = torch.randn(8, 7), torch.randn(8, 7) + 1
        with accelerator.autocast() if args["amp"] else contextlib.nullcontext():
            wasserstein = critic(embedder(other)).mean() - critic(embedder(real)).mean()
        gp = gradient_penalty(critic, embedder(real).detach().float())
        loss = wasserstein.float() + args["lambda_gp"] * gp
        optimizer.zero_grad()
        accelerator.backward(loss)
        accelerator.step(optimizer)


train({"seed": 0, "amp": True, "lambda_gp": 10.0})
