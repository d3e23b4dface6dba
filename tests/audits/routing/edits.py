"""Edits of the trainers: those that change no gradient, those that only rename, and bugs."""
# ruff: noqa: E501 - a line for each edit

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.audits.routing import trainers


class Expect(StrEnum):
    """What the contract of the base says of the edit."""

    SILENT = "silent"
    REMARK = "a remark"
    """Nothing, or one line that says renamed or moved."""
    DRIFT = "drift"


@dataclass(frozen=True)
class Edit:
    """Texts of a trainer, replaced."""

    name: str
    base: str
    replaced: tuple[tuple[str, str], ...]
    expect: Expect
    losses: frozenset[str] = frozenset()
    """Of a bug: the losses that are to blame, and no other."""
    line: str = ""
    """Of a bug: a text of the line that is named."""

    @property
    def source(self) -> str:
        """The trainer after the edit."""
        text = getattr(trainers, self.base)
        for old, new in self.replaced:
            assert old in text, f"{self.name}: {old!r} is not in {self.base}"
            text = text.replace(old, new)
        assert text != getattr(trainers, self.base)
        return text

    def __str__(self) -> str:
        return self.name


def silent(name: str, base: str, *replaced: tuple[str, str]) -> Edit:
    return Edit(name, base, replaced, Expect.SILENT)


def renames(name: str, base: str, *replaced: tuple[str, str]) -> Edit:
    return Edit(name, base, replaced, Expect.REMARK)


def bug(name: str, base: str, *replaced: tuple[str, str], loss: str, line: str = "") -> Edit:
    return Edit(name, base, replaced, Expect.DRIFT, frozenset(loss.split(", ")), line)


SAME = [
    silent("a class without stops", "ACTOR", ("Agent", "ActorCritic")),
    silent("square by pow", "WORLD", ("(z - goal).square().mean()", "((z - goal) ** 2).mean()")),
    silent("mse by hand", "WORLD", ("mse_loss(p, z[:, 1:].detach())", "(p - z[:, 1:].detach()).pow(2).mean()")),
    silent("mse of a formula", "WORLD", ("(z - goal).square().mean()", "mse_loss(z, goal)")),
    silent("sides of a loss", "WORLD", ("(z - goal)", "(goal - z)")),
    silent("mean as sum over number", "WORLD", ("(z - goal).square().mean()", "(z - goal).square().sum() / z.numel()")),
    silent("a slice by narrow", "WORLD", ("a[:, :-1]]", "a.narrow(1, 0, 4)]")),
    silent("a slice with dots", "WORLD", ("z[:, 1:].detach()", "z[:, 1:].detach()[..., :]"), ("z[:, :-1], a", "z[:, :-1, :], a")),
    silent("einsum", "HEADS", ("(weight * (outs", "torch.einsum('bi,bi->b', weight, (outs"), (".pow(2)).mean()", ".pow(2)).mean()")),
    silent("a comment and a docstring", "WORLD", ('    x, a, reward =', '    """z.detach()"""\n    # z.detach()\n    x, a, reward =')),
    silent("a log line", "WORLD", ("    goal = goal", "    log = [z.detach().norm(), p.detach().mean().item()]\n    assert log\n    goal = goal")),
    silent("wrapped", "WORLD", ("net.value(z.detach())", "net.value(\n            z.detach(),\n        )")),
    silent("parentheses", "WORLD", ("z[:, 1:].detach()", "(z[:, 1:]).detach()")),
    silent("losses in another order", "WORLD", ('        "predict": mse_loss(p, z[:, 1:].detach()),\n', ""), ("    }\n\n\ndef audit", '        "predict": mse_loss(p, z[:, 1:].detach()),\n    }\n\n\ndef audit')),
    silent("keys in another order", "WORLD", ('"x": torch.randn(3, 5, 4), "a": torch.randn(3, 5, 2)', '"a": torch.randn(3, 5, 2), "x": torch.randn(3, 5, 4)')),
    silent("annotations", "WORLD", ("def losses(net, batch):", "def losses(net: Net, batch: dict[str, Tensor]) -> dict[str, Tensor]:")),
    silent("walrus", "WORLD", ("mse_loss(net.value(z.detach()), reward)", "mse_loss((v := net.value(z.detach())), reward) + 0 * len(v)")),
    silent("f-string", "WORLD", ('"value": mse', 'f"{\'val\'}ue": mse')),
    silent("weights of terms", "WORLD", ("0.1 * net", "0.25 * net")),
    silent("sum of losses by stack", "WORLD", ("F.mse_loss(net.decoder(z), x) + 0.1 * net.decoder(z).abs().mean()", "torch.stack([F.mse_loss(net.decoder(z), x), 0.1 * net.decoder(z).abs().mean()]).sum()")),
    silent("one call for two", "WORLD", ("    goal = goal", "    r = net.decoder(z)\n    goal = goal"), ("F.mse_loss(net.decoder(z), x) + 0.1 * net.decoder(z)", "F.mse_loss(r, x) + 0.1 * r")),
    silent("functional for a method", "HEADS", ("net.trunk(x).relu()", "F.relu(net.trunk(x))")),
    silent("linear for a call", "WORLD", ("z = net.encoder(x)", "z = F.linear(x, net.encoder.weight, net.encoder.bias)")),
    silent("matmul for a call", "WORLD", ("z = net.encoder(x)", "z = x @ net.encoder.weight.T + net.encoder.bias")),
    silent("forward by itself", "WORLD", ("net.value(z.detach())", "net.value.forward(z.detach())"), ("net.encoder(x)", "net.encoder.forward(x)"), ("net.predictor(torch", "net.predictor.forward(input=torch")),
    silent("forward of a module with parts", "WHOLE", ("model(*batch)", "model.forward(*batch)"), ("self.predictor(z)", "self.predictor.forward(z)")),
    silent("keyword for position", "WORLD", ("net.encoder(x)", "net.encoder(input=x)")),
    silent("a helper inlined", "WORLD", ("    goal = goal_of(net, x)\n", "    goal = goal_of(net, x).clone()\n")),
    silent("cosine by hand", "VIEWS", ("F.cosine_similarity(p, z.detach(), dim=-1)", "(F.normalize(p, dim=-1) * F.normalize(z.detach(), dim=-1)).sum(-1)")),
    silent("comprehension for a loop", "HEADS", ("    outs = []\n    for i in range(3):\n        feature = z if i != 1 else z.detach()\n        outs.append(net.heads[i](feature))\n", "    outs = [head(z if i != 1 else z.detach()) for i, head in enumerate(net.heads)]\n")),
    silent("sum by a loop", "HEADS", ("    error = sum(mse_loss(out, y) for out in outs)\n", "    error = torch.zeros(())\n    for out in outs:\n        error += mse_loss(out, y)\n")),
    silent("steps by unbind", "RECURRENT", ("x[:, t], h", "x.unbind(1)[t], h")),
    silent("steps stacked", "RECURRENT", ("    total = torch.zeros(())\n", "    parts = []\n"), ("total = total + mse", "parts.append(mse"), ("x[:, t + 1])\n", "x[:, t + 1]))\n"), ("total / 4", "torch.stack(parts).mean()")),
    silent("a deeper module", "WORLD", ("nn.Linear(3, 1))", "nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))")),
    silent("other widths", "WORLD", ("nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)", "nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 1)")),
    silent("another batch size", "WORLD", ("(3, 5,", "(8, 5,")),
    silent("other weights", "WORLD", ("manual_seed(0)", "manual_seed(7)")),
    silent("other weights beside a reversal", "ADVERSARY", ("manual_seed(0)", "manual_seed(7)"), ("randn(5", "randn(9")),
    silent("float64", "WORLD", ("    net = Net()\n", "    torch.set_default_dtype(torch.float64)\n    net = Net()\n"), ("    return Target(", "    torch.set_default_dtype(torch.float32)\n    return Target(")),
    silent("a stop behind a stop", "WORLD", ("goal = goal_of(net, x)", "goal = goal_of(net, x).detach()")),
    silent("a stop of data", "WORLD", ("net.encoder(x)", "net.encoder(x.detach())")),
    silent("a dict for a dataclass", "ACTOR", ("States(z=z, h=agent.memory(z).tanh())", "{'z': z, 'h': agent.memory(z).tanh()}"), ("[states.z, states.h]", "[states['z'], states['h']]")),
    silent("kl by torch's own", "OUTPUTS", ("    return 0.5 * (logvar2 - logvar + (logvar.exp() + (mu - mu2).pow(2)) / logvar2.exp() - 1).mean()", "    one = torch.distributions.Normal(mu, (0.5 * logvar).exp())\n    two = torch.distributions.Normal(mu2, (0.5 * logvar2).exp())\n    return torch.distributions.kl_divergence(one, two).mean()")),
    silent("a sample by torch's own", "OUTPUTS", ("mu + torch.randn_like(mu) * (0.5 * logvar).exp()", "torch.distributions.Normal(mu, (0.5 * logvar).exp()).rsample()")),
    silent("a deeper part", "WHOLE", ("nn.Tanh(), nn.Linear(4, 4))", "nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))")),
    silent("terms of a module in another order", "WHOLE", ("self.first(z) + self.second(z.detach())", "self.second(z.detach()) + self.first(z)")),
    silent("a method of the module", "WHOLE", ("    def forward(", "    def both(self, x, x_next):\n        return self.encoder(x), self.encoder(x_next)\n\n    def forward("), ("self.encoder(x), self.encoder(x_next)\n        value", "self.both(x, x_next)\n        value")),
]  # fmt: skip

RENAMED = [
    renames("a stop of another kind beside a reversal", "ADVERSARY", ("    with torch.no_grad():\n        now = net.encoder(x)", "    now = net.encoder(x).detach()")),
    renames("a variable", "WORLD", ("z = net", "zz = net"), ("z[:, :-1]", "zz[:, :-1]"), ("z[:, 1:]", "zz[:, 1:]"), ("(z - goal)", "(zz - goal)"), ("z.detach()", "zz.detach()"), ("decoder(z)", "decoder(zz)")),
    renames("a function", "WORLD", ("goal_of", "target_of"), ("losses(net, batch)", "compute(net, batch)")),
    renames("no_grad for detach", "WORLD", ("    return net.teacher(x).detach()", "    with torch.no_grad():\n        return net.teacher(x)")),
    renames("a decorator for detach", "WORLD", ("def goal_of(net, x):\n    return net.teacher(x).detach()", "@torch.no_grad()\ndef goal_of(net, x):\n    return net.teacher(x)")),
    renames("detach for no_grad", "VIEWS", ("    with torch.no_grad():\n        t1 = net.teacher(one)\n        t2 = net.teacher(two)\n", "    t1, t2 = net.teacher(one).detach(), net.teacher(two).detach()\n")),
    renames("torch.detach", "WORLD", ("z.detach()", "torch.detach(z)")),
    renames("data", "WORLD", ("z.detach()", "z.data")),
    renames("inference mode", "WORLD", ("    return net.teacher(x).detach()", "    with torch.no_grad():\n        return net.teacher(x) * 1")),
    renames("a helper that stops", "WORLD", ("def losses(", "def sg(value):\n    return value.detach()\n\n\ndef losses("), ("z[:, 1:].detach()", "sg(z[:, 1:])"), ("net.value(z.detach())", "net.value(sg(z))")),
    renames("a helper inlined", "WORLD", ("goal = goal_of(net, x)", "goal = net.teacher(x).detach()")),
    renames("extracted", "WORLD", ("    goal = goal", "    still = z.detach()\n    goal = goal"), ("net.value(z.detach())", "net.value(still)"), ("z[:, 1:].detach()", "still[:, 1:]")),
    renames("a stop before a slice", "WORLD", ("z[:, 1:].detach()", "z.detach()[:, 1:]")),
    renames("a stop before the maths", "HEADS", ("(outs[0].detach() - y).pow(2)", "(outs[0] - y).pow(2).detach()")),
    renames("a stop inside of the module", "WORLD", ("nn.Linear(3, 1))\n", "nn.Linear(3, 1))\n        self.value = Head()\n"), ("class Net(", "class Head(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.out = nn.Linear(4, 1)\n\n    def forward(self, z):\n        return self.out(z.detach())\n\n\nclass Net("), ("net.value(z.detach())", "net.value(z)")),
]  # fmt: skip

BUGS = [
    bug("a reversal beside a stop is turned", "ADVERSARY", ("Reverse.apply(z, 1.0)", "Reverse.apply(z, -1.0)"), loss="surprise"),
    bug("a reversal beside a stop is lost", "ADVERSARY", ("Reverse.apply(z, 1.0)", "z"), loss="surprise"),
    bug("a stop is lost", "WORLD", ("net.value(z.detach())", "net.value(1 * z)"), loss="value", line="net.value(1 * z)"),
    bug("the target's stop is lost", "WORLD", ("z[:, 1:].detach()", "z[:, 1:]"), loss="predict", line='"predict": mse_loss(p, z[:, 1:])'),
    bug("the teacher's stop is lost", "WORLD", ("net.teacher(x).detach()", "net.teacher(x)"), loss="distil", line="(z - goal)"),
    bug("the other side is stopped", "WORLD", ("mse_loss(p, z[:, 1:].detach())", "mse_loss(p.detach(), z[:, 1:])"), loss="predict", line="mse_loss(p.detach(), z[:, 1:])"),
    bug("the same frame", "WORLD", ("z[:, 1:].detach()", "z[:, :-1].detach()"), loss="predict"),
    bug("the frame after the next", "WORLD", ("z[:, :-1], a[:, :-1]", "z[:, :-2], a[:, :-2]"), ("z[:, 1:].detach()", "z[:, 2:].detach()"), loss="predict"),
    bug("the action of the next frame", "WORLD", ("a[:, :-1]", "a[:, 1:]"), loss="predict"),
    bug("the online network for the teacher", "WORLD", ("net.teacher(x)", "net.encoder(x)"), loss="distil"),
    bug("the online network under no_grad", "VIEWS", ("        t1 = net.teacher(one)\n        t2 = net.teacher(two)", "        t1 = net.encoder(one)\n        t2 = net.encoder(two)"), loss="follow"),
    bug("one of two terms", "WORLD", (" + 0.1 * net.decoder(z).abs().mean()", " + 0.1 * net.decoder(z.detach()).abs().mean()"), loss="reconstruct"),
    bug("each view chases itself", "VIEWS", ("near(p1, z2) / 2 + near(p2, z1) / 2", "near(p1, z1) / 2 + near(p2, z2) / 2"), loss="similar"),
    bug("each view chases its teacher", "VIEWS", ("mse_loss(p1, t2) + mse_loss(p2, t1)", "mse_loss(p1, t1) + mse_loss(p2, t2)"), loss="follow"),
    bug("one direction only", "VIEWS", ("near(p1, z2) / 2 + near(p2, z1) / 2", "near(p1, z2) / 2 + near(p1, z2) / 2"), loss="similar"),
    bug("no predictor", "VIEWS", ("near(p2, z1) / 2", "near(z2, z1) / 2"), loss="similar"),
    bug("no stop of the helper", "VIEWS", ("z.detach(), dim", "z, dim"), loss="similar", line="F.cosine_similarity(p, z, dim"),
    bug("a view twice", "VIEWS", ("net.encoder(one), net.encoder(two)", "net.encoder(one), net.encoder(one)"), loss="similar, follow"),
    bug("another head", "HEADS", ("i != 1", "i != 2"), loss="heads"),
    bug("a head left out", "HEADS", ("for out in outs)", "for out in outs[:2])"), loss="heads"),
    bug("a head twice", "HEADS", ("net.heads[i](feature)", "net.heads[min(i, 1)](feature)"), loss="heads"),
    bug("the weight trains the trunk", "HEADS", ("net.gate(z.detach())", "net.gate(z)"), loss="gate", line="net.gate(z)"),
    bug("the weight is stopped", "HEADS", ("net.gate(z.detach()).sigmoid()", "net.gate(z.detach()).sigmoid().detach()"), ("(outs[0].detach() - y)", "(outs[0] - y)"), loss="gate"),
    bug("truncated a step later", "RECURRENT", ("t == 2", "t == 3"), loss="predict"),
    bug("not truncated", "RECURRENT", ("t == 2", "t == 9"), loss="predict"),
    bug("truncated at each step", "RECURRENT", ("t == 2", "t >= 2"), loss="predict"),
    bug("the start is trained", "RECURRENT", ("net.start(x[:, 0]).detach()", "net.start(x[:, 0])"), loss="predict", line="net.cell(x[:, t], h)"),
    bug("the input is the target", "RECURRENT", ("x[:, t + 1]", "x[:, t]"), loss="predict"),
    bug("the readout is stopped", "RECURRENT", ("net.readout(h)", "net.readout(h if t else h.detach())"), loss="predict", line="net.readout(h if t else h.detach())"),
    bug("the wrong critic", "ACTOR", ("agent.target_critic(", "agent.critic("), loss="critic"),
    bug("the wrong state", "ACTOR", ("agent.features(after)", "agent.features(now)"), loss="critic"),
    bug("a stop one module too early", "ACTOR", ("agent.target_critic(agent.features(after)).detach()", "agent.target_critic(agent.features(after).detach())"), loss="critic"),
    bug("a stop one module too late", "ACTOR", ("agent.actor(features.detach()).tanh()", "agent.actor(features).tanh().detach()"), loss="actor"),
    bug("half of the features are stopped", "ACTOR", ("q = agent.critic(features)", "q = agent.critic(torch.cat([now.z.detach(), now.h], -1))"), loss="critic"),
    bug("the temperature is trained", "ACTOR", ("agent.log_alpha.exp().detach()", "agent.log_alpha.exp()"), loss="actor"),
    bug("the actor is trained by alpha", "ACTOR", ("(entropy.detach() + 1)", "(entropy + 1)"), loss="alpha"),
    bug("by a number", "ACTOR", ("q.detach() * action.mean()", "q.mean().item() * action.mean()"), loss="actor"),
    bug("another argument", "ACTOR", ("[states.z, states.h]", "[states.h, states.h]"), loss="critic, actor, alpha"),
    bug("a stop between the heads of one module", "WHOLE", ("self.first(z) + self.second(z.detach())", "self.first(z.detach()) + self.second(z)"), loss="value"),
    bug("a stop inside of a module is lost", "WHOLE", ("z_next.detach()", "z_next"), loss="predict"),
    bug("another frame inside of a module", "WHOLE", ("z_next.detach()", "z.detach()"), loss="predict"),
    bug("no stop of the mean", "OUTPUTS", ("kl(mu.detach(),", "kl(mu,"), loss="dynamics"),
    bug("the other stop of a balance", "OUTPUTS", ("prior_mu.detach(), prior_logvar.detach()", "prior_mu, prior_logvar"), loss="representation"),
    bug("the other output is stopped", "OUTPUTS", ("mu.square().mean() + logvar.detach().square().mean() * mu.mean()", "mu.detach().square().mean() * logvar.mean() + logvar.square().mean()"), loss="size"),
    bug("no noise", "OUTPUTS", ("mu + torch.randn_like(mu) * (0.5 * logvar).exp()", "mu + (0.5 * logvar).exp()"), loss="reconstruct"),
    bug("a deterministic sample", "OUTPUTS", ("mu + torch.randn_like(mu) * (0.5 * logvar).exp()", "mu"), loss="reconstruct"),
    bug("the posterior sees the context", "OUTPUTS", ("net.posterior(x)", "net.posterior(context)"), loss="dynamics, representation, reconstruct, size"),
]  # fmt: skip
