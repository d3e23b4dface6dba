"""Small trainers whose source is edited: each a family of methods as people write it."""

HEAD = """
import torch
from dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import mse_loss

from audits import Target

"""

WORLD = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.predictor, self.decoder = nn.Linear(4, 4), nn.Linear(6, 4), nn.Linear(4, 4)
        self.teacher, self.value = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))


def goal_of(net, x):
    return net.teacher(x).detach()


def losses(net, batch):
    x, a, reward = batch["x"], batch["a"], batch["reward"]
    z = net.encoder(x)
    p = net.predictor(torch.cat([z[:, :-1], a[:, :-1]], dim=-1))
    goal = goal_of(net, x)
    return {
        "predict": mse_loss(p, z[:, 1:].detach()),
        "distil": (z - goal).square().mean(),
        "value": mse_loss(net.value(z.detach()), reward),
        "reconstruct": F.mse_loss(net.decoder(z), x) + 0.1 * net.decoder(z).abs().mean(),
    }


def audit_target():
    torch.manual_seed(0)
    net = Net()
    batch = {"x": torch.randn(3, 5, 4), "a": torch.randn(3, 5, 2), "reward": torch.randn(3, 5, 1)}
    return Target(net, lambda batch: losses(net, batch), [batch])
"""
)

VIEWS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.predictor, self.teacher = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)


def near(p, z):
    return 1 - F.cosine_similarity(p, z.detach(), dim=-1).mean()


def losses(net, x):
    one = x + 0.1 * torch.randn_like(x)
    two = x + 0.1 * torch.randn_like(x)
    z1, z2 = net.encoder(one), net.encoder(two)
    p1, p2 = net.predictor(z1), net.predictor(z2)
    with torch.no_grad():
        t1 = net.teacher(one)
        t2 = net.teacher(two)
    return {
        "similar": near(p1, z2) / 2 + near(p2, z1) / 2,
        "follow": mse_loss(p1, t2) + mse_loss(p2, t1),
        "spread": F.relu(1 - z1.std(dim=0)).mean(),
    }


def audit_target():
    torch.manual_seed(0)
    net = Net()
    return Target(net, lambda x: losses(net, x), [torch.randn(6, 4)])
"""
)

HEADS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.gate = nn.Linear(4, 4), nn.Linear(4, 1)
        self.heads = nn.ModuleList(nn.Linear(4, 1) for _ in range(3))


def losses(net, x, y):
    z = net.trunk(x).relu()
    outs = []
    for i in range(3):
        feature = z if i != 1 else z.detach()
        outs.append(net.heads[i](feature))
    error = sum(mse_loss(out, y) for out in outs)
    weight = net.gate(z.detach()).sigmoid()
    return {"heads": error, "gate": (weight * (outs[0].detach() - y).pow(2)).mean()}


def audit_target():
    torch.manual_seed(0)
    net = Net()
    return Target(net, lambda batch: losses(net, *batch), [(torch.randn(5, 4), torch.randn(5, 1))])
"""
)

RECURRENT = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.readout, self.start = nn.GRUCell(3, 4), nn.Linear(4, 3), nn.Linear(3, 4)


def losses(net, x):
    h = net.start(x[:, 0]).detach()
    total = torch.zeros(())
    for t in range(4):
        if t == 2:
            h = h.detach()
        h = net.cell(x[:, t], h)
        total = total + mse_loss(net.readout(h), x[:, t + 1])
    return {"predict": total / 4}


def audit_target():
    torch.manual_seed(0)
    net = Net()
    return Target(net, lambda x: losses(net, x), [torch.randn(3, 5, 3)], shape={"frames": 5})
"""
)

ACTOR = (
    HEAD
    + """
@dataclass
class States:
    z: Tensor
    h: Tensor


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.memory = nn.Linear(4, 4), nn.Linear(4, 4)
        self.actor, self.critic, self.target_critic = nn.Linear(8, 2), nn.Linear(8, 1), nn.Linear(8, 1)
        self.log_alpha = nn.Parameter(torch.zeros(()))

    def features(self, states):
        return torch.cat([states.z, states.h], -1)


def states_of(agent, x):
    z = agent.encoder(x)
    return States(z=z, h=agent.memory(z).tanh())


def losses(agent, obs, next_obs, reward):
    now, after = states_of(agent, obs), states_of(agent, next_obs)
    features = agent.features(now)
    action = agent.actor(features.detach()).tanh()
    bootstrap = agent.target_critic(agent.features(after)).detach()
    target = reward + 0.99 * bootstrap
    q = agent.critic(features)
    entropy = action.square().mean()
    return {
        "critic": mse_loss(q, target),
        "actor": (agent.log_alpha.exp().detach() * entropy - q.detach() * action.mean()).mean(),
        "alpha": (agent.log_alpha * (entropy.detach() + 1)).mean(),
    }


def audit_target():
    torch.manual_seed(0)
    agent = Agent()
    batch = torch.randn(5, 4), torch.randn(5, 4), torch.randn(5, 1)
    return Target(agent, lambda batch: losses(agent, *batch), [batch])
"""
)

WHOLE = (
    HEAD
    + """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 1)
        self.predictor = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))

    def forward(self, x, x_next, y):
        z, z_next = self.encoder(x), self.encoder(x_next)
        value = self.first(z) + self.second(z.detach())
        return F.mse_loss(self.predictor(z), z_next.detach()), F.mse_loss(value, y)


def audit_target():
    torch.manual_seed(0)
    model = Model()
    batch = torch.randn(5, 4), torch.randn(5, 4), torch.randn(5, 1)
    return Target({"model": model}, lambda batch: dict(zip(("predict", "value"), model(*batch))), [batch])
"""
)

OUTPUTS = (
    HEAD
    + """
class Gaussian(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(4, 4)

    def forward(self, x):
        mu, logvar = self.out(x).chunk(2, dim=-1)
        return mu, logvar


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.posterior, self.prior, self.decoder = Gaussian(), Gaussian(), nn.Linear(2, 4)


def kl(mu, logvar, mu2, logvar2):
    return 0.5 * (logvar2 - logvar + (logvar.exp() + (mu - mu2).pow(2)) / logvar2.exp() - 1).mean()


def losses(net, x, context):
    mu, logvar = net.posterior(x)
    prior_mu, prior_logvar = net.prior(context)
    sample = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    return {
        "dynamics": kl(mu.detach(), logvar.detach(), prior_mu, prior_logvar),
        "representation": kl(mu, logvar, prior_mu.detach(), prior_logvar.detach()),
        "reconstruct": F.mse_loss(net.decoder(sample), x),
        "size": mu.square().mean() + logvar.detach().square().mean() * mu.mean(),
    }


def audit_target():
    torch.manual_seed(0)
    net = Net()
    return Target(net, lambda batch: losses(net, *batch), [(torch.randn(5, 4), torch.randn(5, 4))])
"""
)

ADVERSARY = (
    HEAD
    + """
class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head, self.guess = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)


def losses(net, x):
    z = net.encoder(x).tanh()
    with torch.no_grad():
        now = net.encoder(x)
    return {
        "task": mse_loss(net.head(z), x),
        "surprise": mse_loss(net.guess(Reverse.apply(z, 1.0)), now),
    }


def audit_target():
    torch.manual_seed(0)
    net = Net()
    return Target(net, lambda x: losses(net, x), batches=[torch.randn(5, 4), torch.randn(5, 4)])
"""
)
