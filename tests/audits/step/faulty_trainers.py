"""Small trainers that have a fault, or have it not: each is made by a function of `fault`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Target

X = torch.linspace(-1, 1, 32).reshape(8, 4)
FAULTS: dict[str, tuple[str, Callable[[bool], Target]]] = {}
"""By name of the trainer: the kind of the finding, and what makes the trainer."""


def trainer(kind: str) -> Callable[[Callable[[bool], Target]], Callable[[bool], Target]]:
    def declare(make: Callable[[bool], Target]) -> Callable[[bool], Target]:
        FAULTS[make.__name__] = kind, make
        return make

    return declare


def target(modules: Any, step: Callable[..., Any], **more: Any) -> Target:
    return Target(modules, step=step, batches=[X, X.flip(0) * 0.7], **more)


def pair() -> tuple[nn.Linear, nn.Linear]:
    return nn.Linear(4, 4), nn.Linear(4, 4)


def plain(optimizer: torch.optim.Optimizer, loss_of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Any]:
    def step(x: Tensor) -> dict[str, Tensor]:
        loss = loss_of(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    return step


@trainer("in no optimizer")
def head_forgotten(fault: bool) -> Target:
    body, head = pair()
    optimizer = torch.optim.Adam([*body.parameters(), *([] if fault else head.parameters())])
    return target({"body": body, "head": head}, plain(optimizer, lambda x: mse_loss(head(body(x)), x)))


@trainer("in two optimizers")
def body_in_both(fault: bool) -> Target:
    body, head = pair()
    first = torch.optim.SGD(body.parameters(), lr=0.1)
    second = torch.optim.SGD([*head.parameters(), *(body.parameters() if fault else [])], lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(head(body(x)), x)
        loss.backward()
        for optimizer in (first, second):
            optimizer.step()
        for optimizer in (first, second):
            optimizer.zero_grad()
        return {"loss": loss}

    return target({"body": body, "head": head}, step, optimizers={"first": first, "second": second})


@trainer("not the module's parameters")
def head_replaced(fault: bool) -> Target:
    model = nn.Sequential(*pair())
    frozen = model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
    if fault:
        model[1] = nn.Linear(4, 4).requires_grad_(False)
    extra = nn.Linear(4, 4)
    other = torch.optim.SGD(extra.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(extra(model(x)), x)
        loss.backward()
        optimizer.step()
        other.step()
        optimizer.zero_grad()
        other.zero_grad()
        return {"loss": loss}

    return target({"frozen": frozen, "head": model[1], "extra": extra}, step)


@trainer("moved without gradient")
def frozen_and_decayed(fault: bool) -> Target:
    """A gradient of zeros, as zero_grad(set_to_none=False) leaves it, is decayed."""
    body, head = pair()
    optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], weight_decay=0.1)
    mse_loss(head(body(X)), X).backward()
    optimizer.zero_grad(set_to_none=not fault)
    for parameter in body.parameters():
        parameter.requires_grad_(False)
        parameter.grad = torch.zeros_like(parameter) if fault else None

    def step(x: Tensor) -> dict[str, Tensor]:
        if fault:  # gradient of zeros, kept from before it was frozen
            for parameter in body.parameters():
                parameter.grad = torch.zeros_like(parameter)
        loss = mse_loss(head(body(x)), x)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=not fault)
        return {"loss": loss}

    return target({"body": body, "head": head}, step)


@trainer("moved without gradient")
def idle_task_with_momentum(fault: bool) -> Target:
    """The head of a task that this step does not train moves by its momentum."""
    heads = nn.ModuleList(pair())
    optimizer = torch.optim.SGD(heads.parameters(), lr=0.1, momentum=0.9)
    turn = [0]

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(heads[turn[0] % 2](x), x)
        turn[0] += 1
        optimizer.zero_grad(set_to_none=not fault)
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    return target({"first": heads[0], "second": heads[1]}, step)


@trainer("moved without gradient")
def frozen_after_backward(fault: bool) -> Target:
    body, head = pair()
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        body.requires_grad_(True)
        optimizer.zero_grad()
        loss = mse_loss(head(body(x)), x)
        loss.backward()
        body.requires_grad_(not fault)
        optimizer.step()
        return {"loss": loss}

    return target({"body": body, "head": head}, step)


@trainer("gradient left over")
def never_zeroed(fault: bool) -> Target:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(model(x), x)
        loss.backward()
        optimizer.step()
        if not fault:
            model.zero_grad()
        return {"loss": loss}

    return target({"model": model}, step)


@trainer("gradient left over")
def critic_not_zeroed(fault: bool) -> Target:
    """The generator's loss leaves gradient in the critic, and only the generator's optimizer clears its own."""
    generator, critic = pair()
    of_g, of_d = torch.optim.SGD(generator.parameters(), lr=0.1), torch.optim.SGD(critic.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        fake = generator(x)
        if not fault:
            of_d.zero_grad()
        d_loss = critic(fake.detach()).square().mean() - critic(x).mean()
        d_loss.backward()
        of_d.step()
        of_d.zero_grad()
        of_g.zero_grad()
        g_loss = -critic(fake).mean()
        g_loss.backward()
        of_g.step()
        return {"d_loss": d_loss, "g_loss": g_loss}

    return target({"generator": generator, "critic": critic}, step, optimizers={"G": of_g, "D": of_d})


@trainer("cleared before the step")
def zeroed_too_late(fault: bool) -> Target:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.Adam(model.parameters())

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(model(x), x)
        if not fault:
            optimizer.zero_grad()
        loss.backward()
        if fault:
            optimizer.zero_grad()
        optimizer.step()
        return {"loss": loss}

    return target({"model": model}, step)


@trainer("statistics of a frozen module")
def frozen_backbone_in_training_mode(fault: bool) -> Target:
    backbone = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).requires_grad_(False)
    head = nn.Linear(4, 4)
    backbone.train(fault)
    optimizer = torch.optim.Adam(head.parameters())
    return target({"backbone": backbone, "head": head}, plain(optimizer, lambda x: mse_loss(head(backbone(x)), x)))


@trainer("average without buffers")
def average_of_parameters_only(fault: bool) -> Target:
    student = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    teacher = copy.deepcopy(student).eval().requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        loss = mse_loss(student(x), teacher(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
                slow.mul_(0.9).add_(fast, alpha=0.1)
            if not fault:
                for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
                    slow.copy_(fast)
        return {"loss": loss}

    return target({"student": student, "teacher": teacher}, step)


@trainer("changed before backward")
def critic_stepped_between(fault: bool) -> Target:
    generator, critic = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    of_g, of_d = torch.optim.SGD(generator.parameters(), lr=0.1), torch.optim.SGD(critic.parameters(), lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        fake = generator(x)
        g_loss = -critic(fake).mean()
        d_loss = critic(fake.detach()).mean() - critic(x).mean()
        of_d.zero_grad()
        d_loss.backward()
        of_d.step()
        if not fault:
            g_loss = -critic(fake).mean()
        of_g.zero_grad()
        g_loss.backward()
        of_g.step()
        return {"d_loss": d_loss, "g_loss": g_loss}

    return target({"generator": generator, "critic": critic}, step, optimizers={"G": of_g, "D": of_d})


@trainer("graph of an earlier step")
def hidden_state_kept(fault: bool) -> Target:
    cell = nn.GRUCell(4, 4)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    kept = {"h": torch.zeros(8, 4)}

    def step(x: Tensor) -> dict[str, Tensor]:
        h = cell(x, kept["h"])
        loss = h.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        kept["h"] = h if fault else h.detach()
        return {"loss": loss}

    return target({"cell": cell}, step)


@trainer("graph of an earlier step")
def graph_that_grows(fault: bool) -> Target:
    """The graph is retained, and no weight that it needs is written to: nothing is raised."""
    scale = nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([scale], lr=0.1)
    kept = {"sum": torch.zeros(4)}

    def step(x: Tensor) -> dict[str, Tensor]:
        total = kept["sum"] * 0.5 + scale + x.mean(0)
        loss = total.sum()
        optimizer.zero_grad()
        loss.backward(retain_graph=fault)
        optimizer.step()
        kept["sum"] = total if fault else total.detach()
        return {"loss": loss}

    return target({"scale": scale}, step)


@trainer("loss left out")
def term_forgotten(fault: bool) -> Target:
    body, head = pair()
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)

    def step(x: Tensor) -> dict[str, float]:
        z = body(x)
        recon, size = mse_loss(head(z), x), z.square().mean()
        loss = recon if fault else recon + 0.1 * size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"recon": recon.item(), "size": size.item()}

    def losses(x: Tensor) -> dict[str, Tensor]:
        return {"recon": mse_loss(head(body(x)), x), "size": body(x).square().mean()}

    given = {"losses": losses, "weights": {"recon": 1.0, "size": 0.1}}
    return target({"body": body, "head": head}, step, **given)


@trainer("other weight")
def term_added_twice(fault: bool) -> Target:
    body, head = pair()
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)

    def step(x: Tensor) -> dict[str, Tensor]:
        z = body(x)
        terms = {"recon": mse_loss(head(z), x), "size": 0.1 * z.square().mean(), "shift": z.mean().square()}
        loss = sum(terms.values(), torch.zeros(()))
        if fault:
            loss = loss + terms["shift"]
        optimizer.zero_grad()
        (loss / 4).backward()
        optimizer.step()
        return {name: term.detach() for name, term in terms.items()} | {"recon": terms["recon"]}

    weights = {"recon": 1.0, "size": 1.0, "shift": 1.0}
    return target({"body": body, "head": head}, step, weights=weights)


@trainer("lost to precision")
def rate_below_the_precision(fault: bool) -> Target:
    model = nn.Linear(4, 4).to(torch.bfloat16)
    nn.init.constant_(model.weight, 1.0)
    nn.init.constant_(model.bias, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6 if fault else 1e-1)
    return target({"model": model}, plain(optimizer, lambda x: model(x.bfloat16()).float().square().mean()))


@trainer("in an optimizer without gradient")
def branch_not_run(fault: bool) -> Target:
    body, head = pair()
    optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
    return target(
        {"body": body, "head": head}, plain(optimizer, lambda x: mse_loss(body(x) if fault else head(body(x)), x))
    )
