"""Whole training steps: optimizers, schedules, scalers and gradients of the trainer's own, inside of the losses."""

import itertools
import threading
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, parametrizations, vector_to_parameters

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, Trap, linear, points, trap

KEPT = {FROZEN, ABSENT}

ADVERSARIAL = {("d", "critic"): LIVE, ("d", "generator"): ABSENT, ("g", "critic"): KEPT, ("g", "generator"): LIVE}


def adversarial(name: str, how: Any) -> Trap:
    """The critic is frozen while the generator's loss is computed: `how` gives what freezes it and what thaws it."""

    def build() -> Target:
        generator, critic = linear(), nn.Linear(3, 1)
        switch = how(critic)

        def losses(x: Tensor) -> dict[str, Tensor]:
            fake = generator(x)
            switch(True)
            d = F.softplus(critic(fake.detach())).mean() + F.softplus(-critic(x)).mean()
            switch(False)
            g = F.softplus(-critic(fake)).mean()
            switch(True)
            return {"d": d, "g": g}

        return Target({"generator": generator, "critic": critic}, losses, batches=[points()])

    build.__name__, build.__doc__ = f"critic_frozen_{name}", adversarial.__doc__
    return trap(expected=ADVERSARIAL)(build)


def switched(parameters: Any, on: bool) -> None:
    for parameter in parameters:
        parameter.requires_grad = on


adversarial("by_the_module", lambda critic: critic.requires_grad_)
adversarial("by_a_list", lambda critic: (lambda kept: lambda on: switched(kept, on))(list(critic.parameters())))
adversarial("by_a_generator", lambda critic: lambda on: switched(critic.parameters(), on))
adversarial("by_names", lambda critic: lambda on: switched(dict(critic.named_parameters()).values(), on))


def by_an_optimizer(critic: nn.Module) -> Any:
    optimizer = torch.optim.Adam(critic.parameters())
    return lambda on: switched(itertools.chain(*(group["params"] for group in optimizer.param_groups)), on)


adversarial("by_an_optimizer", by_an_optimizer)


class Frozen:
    """Switches gradient off for a block and on again, as model-based agents do."""

    def __init__(self, modules: list[nn.Module]) -> None:
        self.parameters = [parameter for module in modules for parameter in module.parameters()]

    def __enter__(self) -> None:
        switched(self.parameters, False)

    def __exit__(self, *_: object) -> None:
        switched(self.parameters, True)


@trap(
    expected={
        ("model", "world"): LIVE,
        ("model", "actor"): ABSENT,
        ("actor", "world"): KEPT,
        ("actor", "actor"): LIVE,
        ("after", "world"): LIVE,
        ("after", "actor"): ABSENT,
    }
)
def world_model_frozen_for_a_block() -> Target:
    """The world model is frozen while the actor dreams in it, and trained by what comes later."""
    world, actor = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        model = F.mse_loss(world(x), x)
        with Frozen([world]):
            dreamt = world(actor(world(x).tanh())).square().mean()
        return {"model": model, "actor": dreamt, "after": world(x).mean()}

    return Target({"world": world, "actor": actor}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "critic"): LIVE})
def a_whole_step_inside() -> Target:
    """Scaler, clipping, optimizer, schedule: moments are there already, and the critic's verdict is used afterwards."""
    encoder, critic = linear(), linear()
    optimizer = torch.optim.AdamW([{"params": critic.parameters(), "lr": 0.1}], amsgrad=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=50)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(critic(points()).square().mean()).backward()
    scaler.step(optimizer)
    scaler.update()

    def losses(x: Tensor) -> dict[str, Tensor]:
        optimizer.zero_grad()
        scaler.scale(critic(encoder(x).detach()).square().mean()).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        return {"loss": critic(encoder(x)).tanh().mean()}

    return Target({"encoder": encoder, "critic": critic}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE})
def optimizer_made_in_the_step() -> Target:
    """And thrown away."""
    encoder = linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        optimizer = torch.optim.RMSprop(encoder.parameters(), 0.1, momentum=0.9)
        encoder(x).square().mean().backward()
        optimizer.step()
        return {"loss": encoder(x).tanh().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(
    expected={("first", "shared"): LIVE, ("second", "shared"): LIVE, ("balance", "tasks"): LIVE}
    | {
        (loss, module): status
        for loss, statuses in {
            "first": {"one": LIVE, "two": ABSENT, "tasks": ABSENT},
            "second": {"one": ABSENT, "two": LIVE, "tasks": ABSENT},
            "balance": {"one": LIVE, "two": LIVE, "shared": LIVE},
        }.items()
        for module, status in statuses.items()
    }
)
def losses_balanced_by_gradient_norms() -> Target:
    """Norms of gradients of a weight that was put into a variable before; task weights that are no module."""
    shared, one, two = linear(), nn.Linear(3, 1), nn.Linear(3, 1)
    last, tasks = shared.weight, torch.ones(2, requires_grad=True)

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = shared(x)
        both = one(z).square().mean(), (two(z) - 1).square().mean()
        norms = [torch.autograd.grad(tasks[i] * both[i], last, create_graph=True)[0].norm() for i in range(2)]
        return {"first": both[0], "second": both[1], "balance": (norms[0] - norms[1]).abs()}

    modules = {"shared": shared, "one": one, "two": two, "tasks": tasks}
    return Target(modules, losses, batches=[points()])


@trap(
    expected={
        ("inner", "network"): LIVE,
        ("outer", "network"): LIVE,
        ("inner", "rates"): ABSENT,
        ("outer", "rates"): LIVE,
    }
)
def fast_weights() -> Target:
    """A step of the inner loss with learnt rates, on a copy of the network that is not named."""
    network, rates = (
        nn.Sequential(linear(), nn.Tanh(), linear()),
        nn.ParameterList([torch.tensor(0.1) for _ in range(4)]),
    )
    skeleton = nn.Sequential(linear(), nn.Tanh(), linear()).to("meta")

    def losses(x: Tensor) -> dict[str, Tensor]:
        named = dict(network.named_parameters())
        inner = torch.func.functional_call(skeleton, named, (x,)).square().mean()
        slopes = torch.autograd.grad(inner, list(named.values()), create_graph=True)
        fast = {n: w - r * g for (n, w), r, g in zip(named.items(), rates, slopes, strict=True)}
        return {"inner": inner, "outer": (torch.func.functional_call(skeleton, fast, (x,)) - 1).square().mean()}

    return Target({"network": network, "rates": rates}, losses, batches=[points()])


@trap(expected={("loss", "members"): LIVE, ("loss", "encoder"): LIVE})
def ensemble_of_stacked_weights() -> Target:
    """Weights of several networks as a dictionary of stacked tensors, which are no parameters."""
    encoder = linear()
    stacked, _ = torch.func.stack_module_state([linear() for _ in range(3)])  # pyright: ignore[reportArgumentType]
    skeleton = linear().to("meta")

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        out = torch.vmap(lambda weights: torch.func.functional_call(skeleton, weights, (z,)))(stacked)
        return {"loss": out.square().mean()}

    return Target({"encoder": encoder, "members": stacked}, losses, batches=[points()])


@trap(
    expected={
        ("actor", "actor"): LIVE,
        ("actor", "alpha"): ABSENT,
        ("alpha", "actor"): ABSENT,
        ("alpha", "alpha"): LIVE,
    },
    fools_backward=True,
)
def temperature_that_is_a_plain_tensor() -> Target:
    """Soft actor-critic's logarithm of alpha, with an optimizer of its own that takes a step inside."""
    actor, log_alpha = linear(), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([log_alpha], 0.1)

    def losses(x: Tensor) -> dict[str, Tensor]:
        logp = actor(x).log_softmax(-1).mean()
        optimizer.zero_grad()
        (-(log_alpha * (logp.detach() + 1))).backward()
        optimizer.step()
        return {"actor": log_alpha.exp().detach().squeeze() * logp, "alpha": -(log_alpha * (logp.detach() + 1)).mean()}

    return Target({"actor": actor, "alpha": [log_alpha]}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE})
def weights_through_a_vector() -> Target:
    """All weights as views of one vector, which is moved in place."""
    encoder = nn.Sequential(linear(), nn.Tanh(), linear())
    vector = parameters_to_vector(encoder.parameters()).detach()
    vector_to_parameters(vector, encoder.parameters())

    def losses(x: Tensor) -> dict[str, Tensor]:
        vector.mul_(0.9)
        return {"loss": encoder(x).square().mean()}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "critic"): LIVE})
def reparametrised_and_clipped() -> Target:
    """Spectral and weight norm, and weights that are clipped through a list."""
    encoder, critic = parametrizations.weight_norm(linear()), parametrizations.spectral_norm(linear())
    kept = [*encoder.parameters(), *critic.parameters()]

    def losses(x: Tensor) -> dict[str, Tensor]:
        for weight in kept:
            weight.data.clamp_(-0.5, 0.5)
        return {"loss": critic(encoder(x)).square().mean()}

    return Target({"encoder": encoder, "critic": critic}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE})
def hooks_of_weights_in_a_list() -> Target:
    """One hook from before the step, one that is there for the step alone."""
    encoder, head = linear(), linear()
    kept = [*encoder.parameters(), *head.parameters()]
    for weight in kept:
        weight.register_hook(lambda gradient: gradient.clamp(-1, 1))

    def losses(x: Tensor) -> dict[str, Tensor]:
        handles = [weight.register_hook(lambda gradient: 2 * gradient) for weight in kept]
        head(encoder(x)).square().mean().backward()
        for handle in handles:
            handle.remove()
        return {"loss": head(encoder(x)).square().mean()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


class Agent(nn.Module):
    """A module that is its own trainer: it has optimizers, a log with a lock, counters and a trainer that has it."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.critic = linear(), linear()
        self.optimizers = [torch.optim.SGD(self.critic.parameters(), 0.1, momentum=0.9)]
        self.log: dict[str, Any] = {"lock": threading.Lock(), "values": []}
        self.trainer = Loop(self)

    def training_step(self, x: Tensor) -> dict[str, Tensor]:
        self.trainer.global_step += 1
        self.log["values"].append(self.trainer.global_step)
        for parameter in self.critic.parameters():
            parameter.requires_grad_(True)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=False)
            self.critic(self.encoder(x).detach()).square().mean().backward()
            optimizer.step()
        switched(self.critic.parameters(), False)
        return {"loss": self.critic(self.encoder(x)).square().mean()}


class Loop:
    """Counts steps."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self.global_step = agent, 0


@trap(expected={("loss", "encoder"): LIVE, ("loss", "critic"): KEPT}, fools_backward=True)
def a_module_that_is_its_own_trainer() -> Target:
    """Given as a bound method; it leaves its critic frozen."""
    agent = Agent()
    modules = {"encoder": agent.encoder, "critic": agent.critic}
    return Target(modules, agent.training_step, batches=[points()])


@trap(
    expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE, ("next", "encoder"): LIVE, ("next", "head"): ABSENT},
    fools_backward=True,
)
def losses_returned_after_the_step() -> Target:
    """A whole training step that gives its losses to the log: its graph is gone in training, and weights have moved."""
    encoder, head = nn.Sequential(linear(), nn.Tanh()), linear()
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], 0.1)

    def losses(x: Tensor) -> dict[str, Tensor]:
        loss = head(encoder(x)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss, "next": encoder(x).mean()}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


class Dotted(nn.Module):
    """Names as a dictionary of tensors gives them."""

    def __init__(self) -> None:
        super().__init__()
        self._parameters["layer.weight"] = nn.Parameter(torch.ones(3))
        self._buffers["layer.calls"] = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        weight, calls = self._parameters["layer.weight"], self._buffers["layer.calls"]
        assert weight is not None
        assert calls is not None
        return x * weight / calls.add_(1)


@trap(expected={("loss", "all"): LIVE, ("loss", "some"): LIVE, ("loss", "named"): LIVE, ("loss", "dotted"): LIVE})
def parameters_that_are_no_module() -> Target:
    """A list, a generator, a dictionary; and a module whose names have dots."""
    encoder, middle, head, dotted = linear(), linear(), linear(), Dotted()
    modules = {
        "all": list(encoder.parameters()),
        "some": (weight for weight in middle.parameters() if weight.ndim > 1),
        "named": dict(head.named_parameters()),
        "dotted": dotted,
    }
    return Target(modules, lambda x: {"loss": head(dotted(middle(encoder(x)))).square().mean()}, batches=[points()])
