"""Small trainers as people write them, without a fault: nothing is to be found in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from audits import Target

X = torch.linspace(-1, 1, 32).reshape(8, 4)
CLEAN: dict[str, Callable[[], Target]] = {}


def trainer(make: Callable[[], Target]) -> Callable[[], Target]:
    CLEAN[make.__name__] = make
    return make


def mlp(width: int = 4, out: int = 4, *, norm: bool = False) -> nn.Sequential:
    middle: list[nn.Module] = [nn.BatchNorm1d(8)] if norm else []
    return nn.Sequential(nn.Linear(width, 8), *middle, nn.Tanh(), nn.Linear(8, out))


def target(modules: dict[str, Any], step: Callable[..., Any], **more: Any) -> Target:
    return Target(modules, step=step, batches=[X, X.flip(0) * 0.7], **more)


@trainer
def vae() -> Target:
    encoder, decoder = mlp(out=4), mlp(width=2)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def step(x: Tensor) -> dict[str, Tensor]:
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        recon = functional.mse_loss(decoder(z), x)
        kl = -0.5 * (1 + log_var - mean.square() - log_var.exp()).mean()
        loss = recon + 0.1 * kl
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        return {"loss": loss, "recon": recon, "kl": kl}

    modules = {"encoder": encoder, "decoder": decoder}
    return target(modules, step, optimizers={"adam": optimizer}, weights={"recon": 1.0, "kl": 0.1})


@trainer
def gan() -> Target:
    generator, critic = mlp(), mlp(out=1)
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3)
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=1e-3)

    def step(x: Tensor) -> dict[str, Tensor]:
        fake = generator(torch.randn_like(x))
        of_critic.zero_grad()
        real, false = critic(x), critic(fake.detach())
        d_loss = functional.softplus(-real).mean() + functional.softplus(false).mean()
        d_loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        g_loss = functional.softplus(-critic(fake)).mean()
        g_loss.backward()  # leaves gradient in the critic, which its next zero_grad clears
        of_generator.step()
        return {"d_loss": d_loss, "g_loss": g_loss}

    return target({"generator": generator, "critic": critic}, step)


@trainer
def sac() -> Target:
    actor, q = mlp(out=2), mlp(width=6, out=1)
    q_target = copy.deepcopy(q).requires_grad_(False)
    log_alpha = torch.zeros(1, requires_grad=True)
    of_actor, of_q = torch.optim.Adam(actor.parameters(), lr=3e-4), torch.optim.Adam(q.parameters(), lr=3e-4)
    of_alpha = torch.optim.Adam([log_alpha], lr=3e-4)

    def step(state: Tensor) -> dict[str, Tensor]:
        action = actor(state).tanh()
        with torch.no_grad():
            goal = state[:, :1] + 0.9 * q_target(torch.cat([state.flip(0), action.flip(0)], 1))
        critic = functional.mse_loss(q(torch.cat([state, action.detach()], 1)), goal)
        of_q.zero_grad()
        critic.backward()
        of_q.step()
        entropy = -action.square().mean()
        policy = -q(torch.cat([state, action], 1)).mean() - log_alpha.exp().detach() * entropy
        of_actor.zero_grad()
        policy.mean().backward()
        of_actor.step()
        temperature = (log_alpha.exp() * (entropy.detach() + 1.0)).mean()
        of_alpha.zero_grad()
        temperature.backward()
        of_alpha.step()
        with torch.no_grad():
            for slow, fast in zip(q_target.parameters(), q.parameters(), strict=True):
                slow.lerp_(fast, 0.005)
        return {"critic": critic, "policy": policy.mean(), "temperature": temperature}

    modules = {"actor": actor, "q": q, "q_target": q_target, "log_alpha": log_alpha}
    return target(modules, step, optimizers={"actor_opt": of_actor, "q_opt": of_q, "alpha_opt": of_alpha})


@trainer
def byol() -> Target:
    online, predictor = mlp(norm=True), mlp()
    slow = copy.deepcopy(online).requires_grad_(False)
    optimizer = torch.optim.SGD([*online.parameters(), *predictor.parameters()], lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)

    def step(x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            goal = slow(x + 0.1)
        loss = -functional.cosine_similarity(predictor(online(x)), goal).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        for one, other in zip(slow.parameters(), online.parameters(), strict=True):
            one.data.mul_(0.99).add_(other.data, alpha=0.01)
        return {"byol": loss}

    return target({"online": online, "predictor": predictor, "slow": slow}, step)


@trainer
def ppo() -> Target:
    body, policy, value = mlp(out=8), nn.Linear(8, 3), nn.Linear(8, 1)
    everything = nn.ModuleList([body, policy, value])
    optimizer = torch.optim.Adam(everything.parameters(), lr=3e-4, eps=1e-5)

    def step(state: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            before = policy(body(state)).log_softmax(1)[:, 0]
        advantage = state[:, 0] - state[:, 0].mean()
        found = {}
        for _ in range(3):
            h = body(state)
            log = policy(h).log_softmax(1)
            ratio = (log[:, 0] - before).exp()
            surrogate = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
            fit = functional.mse_loss(value(h).squeeze(1), state.sum(1))
            entropy = -(log.exp() * log).sum(1).mean()
            optimizer.zero_grad()
            (surrogate + 0.5 * fit - 0.01 * entropy).backward()
            nn.utils.clip_grad_norm_(everything.parameters(), 0.5)
            optimizer.step()
            found = {"surrogate": surrogate, "fit": fit, "entropy": entropy}
        return found

    stated = {"surrogate": 1.0, "fit": 0.5, "entropy": -0.01}
    return target({"body": body, "policy": policy, "value": value}, step, weights=stated)


class LowRank(nn.Module):
    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(base.in_features, 2, bias=False)
        self.up = nn.Linear(2, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


@trainer
def lora() -> Target:
    model = nn.Sequential(LowRank(nn.Linear(4, 8)), nn.Tanh(), LowRank(nn.Linear(8, 1)))
    optimizer = torch.optim.AdamW(
        [each for each in model.parameters() if each.requires_grad], lr=1e-3, weight_decay=0.1
    )

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = functional.mse_loss(model(x), x[:, :1])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return {"loss": loss}

    return target({"first": model[0], "last": model[2]}, step)


@trainer
def frozen_teacher() -> Target:
    teacher, student = mlp(norm=True).eval(), mlp(norm=True)
    teacher.requires_grad_(False)
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-3, weight_decay=0.01)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = functional.mse_loss(student(x), teacher(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"distil": loss}

    return target({"teacher": teacher, "student": student}, step, optimizers={"adamw": optimizer})


@trainer
def accumulation() -> Target:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, float]:
        total = 0.0
        for part in x.chunk(4):
            loss = functional.mse_loss(model(part), part) / 4
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        return {"loss": total}

    return Target({"model": model}, lambda x: {"loss": functional.mse_loss(model(x), x)}, batches=[X, X], step=step)


@trainer
def scaled() -> Target:
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step(x: Tensor) -> dict[str, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fit = functional.mse_loss(model(x), x)
            size = model(x).square().mean()
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(fit + 0.5 * size).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return {"fit": fit, "size": size}

    return target({"model": model}, step, weights={"fit": 1.0, "size": 0.5})


@trainer
def frozen_embedding() -> Target:
    table, head = nn.Embedding(6, 4), nn.Linear(4, 1)
    table.requires_grad_(False)
    decayed = [each for each in head.parameters() if each.dim() > 1]
    rest = [each for each in head.parameters() if each.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed}, {"params": rest, "weight_decay": 0.0}], lr=1e-3)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = head(table((x[:, 0] * 2.9 + 2.9).long())).square().mean()
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    return target({"table": table, "head": head}, step)


@trainer
def lbfgs() -> Target:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)

    def step(x: Tensor) -> dict[str, Tensor]:
        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = functional.mse_loss(model(x), x.flip(1))
            loss.backward()
            return loss

        return {"loss": optimizer.step(closure)}

    return target({"model": model}, step)


@trainer
def sparse() -> Target:
    table, head = nn.Embedding(6, 4, sparse=True), nn.Linear(4, 1)
    of_table = torch.optim.SparseAdam(list(table.parameters()), lr=1e-3)
    of_head = torch.optim.SGD(head.parameters(), lr=1e-2, foreach=True)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = head(table((x[:, 0] * 2.9 + 2.9).long())).square().mean()
        loss.backward()
        for optimizer in (of_table, of_head):
            optimizer.step()
            optimizer.zero_grad()
        return {"loss": loss}

    return Target(
        {"table": table, "head": head}, step=step, batches=[X], optimizers={"sparse": of_table, "sgd": of_head}
    )


@trainer
def recurrent() -> Target:
    cell, head = nn.GRUCell(4, 8), nn.Linear(8, 4)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=1e-3, fused=True)
    kept: dict[str, Tensor] = {}

    def step(x: Tensor) -> dict[str, Tensor]:
        h = kept.get("h", torch.zeros(8, 8)).detach()
        loss = torch.zeros(())
        for shift in range(3):
            h = cell(x.roll(shift, 1), h)
            loss = loss + functional.mse_loss(head(h), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept["h"] = h
        return {"loss": loss}

    return target({"cell": cell, "head": head}, step)


@trainer
def cleared_by_hand() -> Target:
    """Gradients are set to zero as it was done before `zero_grad`; those of a dead module always are."""
    model, dead = mlp(), nn.Linear(4, 4)
    weights = [*model.parameters(), *dead.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        for weight in weights:
            if weight.grad is not None:
                weight.grad.detach_()
                weight.grad.zero_()
        loss = functional.mse_loss(model(x) + 0 * dead(x), x)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        return {"loss": loss}

    return target({"model": model, "dead": dead}, step)


@trainer
def moved_by_hand() -> Target:
    model = mlp()

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = functional.mse_loss(model(x), x)
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight -= 0.1 * (weight.grad if weight.grad is not None else 0.0)
                weight.grad = None
        return {"loss": loss}

    return target({"model": model}, step)


@trainer
def gradients_put_by_hand() -> Target:
    """Gradients of two losses are joined otherwise than by a sum."""
    model = mlp()
    weights = list(model.parameters())
    optimizer = torch.optim.Adam(weights, lr=1e-3)

    def step(x: Tensor) -> dict[str, Tensor]:
        y = model(x)
        fit, size = functional.mse_loss(y, x), y.square().mean()
        one = torch.autograd.grad(fit, weights, retain_graph=True)
        other = torch.autograd.grad(size, weights)
        optimizer.zero_grad()
        for weight, a, b in zip(weights, one, other, strict=True):
            weight.grad = a + b * (a * b).sum().sign()
        optimizer.step()
        return {"fit": fit, "size": size}

    return target({"model": model}, step)


@trainer
def sharpness_aware() -> Target:
    """Two backward calls a step, the second at weights that are moved and moved back."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        optimizer.zero_grad()
        functional.mse_loss(model(x), x).backward()
        with torch.no_grad():
            moves = [0.05 * weight.grad for weight in model.parameters() if weight.grad is not None]
            for weight, move in zip(model.parameters(), moves, strict=True):
                weight.add_(move)
        optimizer.zero_grad()
        loss = functional.mse_loss(model(x), x)
        loss.backward()
        with torch.no_grad():
            for weight, move in zip(model.parameters(), moves, strict=True):
                weight.sub_(move)
        optimizer.step()
        return {"loss": loss}

    return target({"model": model}, step)


@trainer
def critic_frozen_in_turn() -> Target:
    generator, critic = mlp(), mlp(out=1)
    of_generator, of_critic = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())

    def step(x: Tensor) -> dict[str, Tensor]:
        critic.requires_grad_(False)
        of_generator.zero_grad()
        g_loss = -critic(generator(x)).mean()
        g_loss.backward()
        of_generator.step()
        critic.requires_grad_(True)
        of_critic.zero_grad()
        d_loss = critic(generator(x).detach()).mean() - critic(x).mean()
        d_loss.backward()
        of_critic.step()
        return {"g_loss": g_loss, "d_loss": d_loss}

    return target({"generator": generator, "critic": critic}, step)


@trainer
def delayed_actor() -> Target:
    """One optimizer steps every second time."""
    critic, actor = nn.Linear(4, 1), nn.Linear(4, 4)
    of_critic, of_actor = torch.optim.Adam(critic.parameters()), torch.optim.Adam(actor.parameters())
    done = [0]

    def step(x: Tensor) -> dict[str, Tensor]:
        of_critic.zero_grad()
        fit = functional.mse_loss(critic(x), x[:, :1])
        fit.backward()
        of_critic.step()
        done[0] += 1
        found = {"fit": fit, "policy": -critic(actor(x)).mean()}
        if done[0] % 2 == 0:
            of_actor.zero_grad()
            found["policy"].backward()
            of_actor.step()
        return found

    optimizers = {"of_critic": of_critic, "of_actor": of_actor}
    return target({"critic": critic, "actor": actor}, step, optimizers=optimizers, weights={"policy": 1.0, "fit": 1.0})
