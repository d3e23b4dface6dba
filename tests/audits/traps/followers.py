"""Networks that follow others: teachers, targets and averages as self-supervised and control recipes keep them."""

import copy
import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, linear, points, trap

KEPT = {FROZEN, ABSENT}
"""Of a teacher that takes no gradient: whether requires_grad or a stop is named first is a matter of taste."""


@trap(expected={("byol", "online"): LIVE, ("byol", "predictor"): LIVE, ("byol", "teacher"): KEPT})
def byol() -> Target:
    """The teacher moves at the start of the step, without gradient, and is called without gradient."""
    online, predictor = linear(), linear()
    teacher = copy.deepcopy(online).requires_grad_(False)

    @torch.no_grad()
    def goal(x: Tensor) -> Tensor:
        for slow, fast in zip(teacher.parameters(), online.parameters(), strict=True):
            slow.data = 0.9 * slow.data + 0.1 * fast.data
        return F.normalize(teacher(x), dim=-1)

    def losses(batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        one, other = batch
        return {"byol": 2 - 2 * (F.normalize(predictor(online(one)), dim=-1) * goal(other)).sum(-1).mean()}

    modules = {"online": online, "predictor": predictor, "teacher": teacher}
    return Target(modules, losses, batches=[(points(0), points(1))])


class Contrast(nn.Module):
    """Keys of earlier batches in a queue, and a key encoder that follows."""

    queue: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key = linear(), linear().requires_grad_(False)
        self.register_buffer("queue", F.normalize(points(7, 6, 3), dim=-1))
        self.register_buffer("at", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def keys(self, x: Tensor) -> Tensor:
        for slow, fast in zip(self.key.parameters(), self.query.parameters(), strict=True):
            slow.mul_(0.9).add_(fast, alpha=0.1)
        return F.normalize(self.key(x), dim=-1)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        at = int(self.at)
        self.queue[at : at + 2] = keys[:2]
        self.at[0] = (at + 2) % len(self.queue)


@trap(expected={("contrast", "query"): LIVE, ("contrast", "key"): KEPT})
def momentum_contrast() -> Target:
    """Queue and pointer move at the end of the step."""
    model = Contrast()

    def losses(x: Tensor) -> dict[str, Tensor]:
        q, k = F.normalize(model.query(x), dim=-1), model.keys(x)
        logits = torch.cat([(q * k).sum(-1, keepdim=True), q @ model.queue.clone().T], 1) / 0.2
        model.enqueue(k)
        return {"contrast": F.cross_entropy(logits, torch.zeros(len(x), dtype=torch.long))}

    return Target({"query": model.query, "key": model.key}, losses, batches=[points()])


class Distilled:
    """Centre of the teacher's outputs, kept by an object that is no module."""

    def __init__(self) -> None:
        self.center, self.seen = torch.zeros(1, 3), 0

    def __call__(self, student: Tensor, teacher: Tensor) -> Tensor:
        goal = ((teacher - self.center) / 0.5).softmax(-1).detach()
        self.center = 0.9 * self.center + 0.1 * teacher.detach().mean(0, keepdim=True)
        self.seen += len(student)
        return -(goal * student.log_softmax(-1)).sum(-1).mean()


@trap(expected={("dino", "student"): LIVE})
def dino() -> Target:
    """The teacher is not named, and follows after the loss was computed."""
    student, criterion = linear(), Distilled()
    teacher = copy.deepcopy(student).requires_grad_(False)

    def losses(x: Tensor) -> dict[str, Tensor]:
        loss = criterion(student(x), teacher(x))
        with torch.no_grad():
            torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 0.1)
        return {"dino": loss}

    return Target({"student": student}, losses, batches=[points()])


@trap(expected={("loss", "student"): LIVE})
def average_that_is_not_named() -> Target:
    """The average of torch, updated before it is called."""
    student = nn.Sequential(linear(), nn.BatchNorm1d(3))
    average = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)

    def losses(x: Tensor) -> dict[str, Tensor]:
        average.update_parameters(student)
        return {"loss": F.mse_loss(student(x), average(x).detach() + 1)}

    return Target({"student": student}, losses, batches=[points()])


class Shadow:
    """Averages in a list, which change places with the weights."""

    def __init__(self, parameters: Any) -> None:
        self.parameters = list(parameters)
        self.kept = [parameter.detach().clone() for parameter in self.parameters]
        self.updates, self.stored = 0, None

    def update(self) -> None:
        self.updates += 1
        for slow, fast in zip(self.kept, self.parameters, strict=True):
            slow.sub_(0.1 * (slow - fast.detach() - 1))

    def exchange(self) -> None:
        with torch.no_grad():
            for slow, fast in zip(self.kept, self.parameters, strict=True):
                held = fast.clone()
                fast.copy_(slow)
                slow.copy_(held)


@trap(expected={("loss", "encoder"): LIVE})
def averages_that_change_places_with_weights() -> Target:
    """The goal is computed with averaged weights, and the weights are put back before the loss is."""
    encoder = linear()
    shadow = Shadow(encoder.parameters())

    def losses(x: Tensor) -> dict[str, Tensor]:
        shadow.update()
        shadow.exchange()
        with torch.no_grad():
            goal = encoder(x)
        shadow.exchange()
        return {"loss": F.mse_loss(encoder(x), goal)}

    return Target({"encoder": encoder}, losses, batches=[points()])


@trap(expected={("loss", "encoder"): LIVE, ("loss", "head"): LIVE})
def teacher_copied_in_the_step() -> Target:
    """A deep copy of the network as it is, and a step of it."""
    encoder, head = linear(), linear()

    def losses(x: Tensor) -> dict[str, Tensor]:
        teacher = copy.deepcopy(encoder).eval().requires_grad_(False)
        teacher.weight.add_(0.1)
        return {"loss": F.mse_loss(head(encoder(x)), teacher(x))}

    return Target({"encoder": encoder, "head": head}, losses, batches=[points()])


@trap(expected={("critic", "critic"): LIVE, ("critic", "slow"): KEPT, ("critic", "actor"): ABSENT})
def polyak_over_lists() -> Target:
    """Lists of both networks that were made when the trainer was; the slow one has a cached goal."""
    actor, critic = linear(), nn.Linear(6, 1)
    slow = copy.deepcopy(critic).requires_grad_(False)
    pairs = list(zip(slow.parameters(), critic.parameters(), strict=True))

    def losses(x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            goal = slow(torch.cat([x, actor(x)], -1))
            for theirs, mine in pairs:
                theirs.data.mul_(0.9)
                theirs.data.add_(0.1 * mine.data)
        return {"critic": F.mse_loss(critic(torch.cat([x, actor(x).detach()], -1)), goal + 1)}

    return Target({"actor": actor, "critic": critic, "slow": slow}, losses, batches=[points()])


@trap(expected={("loss", "student"): LIVE, ("loss", "teacher"): KEPT})
def teacher_in_numpy() -> Target:
    """What takes no gradient may leave PyTorch, in the pass and before it."""
    student, teacher = linear(), linear().requires_grad_(False)
    codes = teacher.weight.numpy()

    def losses(x: Tensor) -> dict[str, Tensor]:
        labels = torch.from_numpy((teacher(x).numpy() @ codes).argmax(-1))
        return {"loss": F.cross_entropy(student(x), labels)}

    return Target({"student": student, "teacher": teacher}, losses, batches=[points()])


@trap(expected={("loss", "decoder"): LIVE})
def hidden_network_in_inference_mode_first() -> Target:
    """A network that nobody finds before it is called, first called where tensors have no versions."""
    decoder = linear()
    hidden = itertools.repeat(nn.Sequential(linear(), nn.BatchNorm1d(3)))

    def losses(x: Tensor) -> dict[str, Tensor]:
        features = next(hidden)
        with torch.inference_mode():
            goal = features(x)
        return {"loss": F.mse_loss(features(decoder(x)), goal.clone() + 1)}

    return Target({"decoder": decoder}, losses, batches=[points()])
