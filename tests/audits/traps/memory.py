"""Modules that remember: buffers, moving averages, code books, states that outlive a step."""

from collections import deque
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from audits import Target
from tests.audits.traps.trap import ABSENT, FROZEN, LIVE, linear, one_loss, points, trap


def normalised() -> nn.Module:
    return nn.Sequential(linear(), nn.BatchNorm1d(3))


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": normalised})
def batch_norm(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """Each forward pass moves its averages and its counter."""
    return head(encoder(x)).square().mean()


@one_loss(encoder=LIVE, head=LIVE, parts={"encoder": lambda: normalised().eval()})
def batch_norm_in_eval(x: Tensor, encoder: nn.Module, head: nn.Module) -> Tensor:
    """It must not be set to training mode, either."""
    return head(encoder(x)).square().mean()


@one_loss(student=LIVE, teacher=ABSENT, why={"teacher": "no_grad"})
def moving_average(x: Tensor, student: nn.Module, teacher: nn.Module) -> Tensor:
    """The teacher moves inside of the forward pass, without gradient."""
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.lerp_(fast, 0.1)
        target = teacher(x)
    return F.mse_loss(student(x), target)


@one_loss(student=LIVE, teacher=FROZEN, parts={"teacher": lambda: linear().requires_grad_(False)})
def moving_average_by_data(x: Tensor, student: nn.Module, teacher: nn.Module) -> Tensor:
    """The same by assignment to `.data`, with a frozen teacher."""
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.data = 0.9 * slow.data + 0.1 * fast.data
    return F.mse_loss(student(x), teacher(x))


@trap(expected={("loss", "student"): LIVE, ("loss", "teacher"): ABSENT})
def averaged_model() -> Target:
    """The moving average of torch, which counts its updates in a buffer."""
    student = linear()
    teacher = AveragedModel(student, avg_fn=lambda slow, fast, _: slow.lerp(fast, 0.1))

    def losses(x: Tensor) -> dict[str, Tensor]:
        teacher.update_parameters(student)
        return {"loss": F.mse_loss(student(x).tanh(), teacher(x).detach())}

    return Target({"student": student, "teacher": teacher}, losses, batches=[points()])


class Memory(nn.Module):
    """Keeps what it is given in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()
        self.register_buffer("last", torch.zeros(4, 3))

    def forward(self) -> Tensor:
        return self.layer(self.last)


@one_loss(encoder=LIVE, memory=LIVE, parts={"memory": Memory})
def buffer_with_a_graph(x: Tensor, encoder: nn.Module, memory: Any) -> Tensor:
    """A path that leads through a buffer."""
    memory.last = encoder(x)
    return memory().square().mean()


@one_loss(encoder=ABSENT, memory=LIVE, parts={"memory": Memory}, why={"encoder": "detach()"})
def buffer_without_a_graph(x: Tensor, encoder: nn.Module, memory: Any) -> Tensor:
    """A queue of negatives."""
    memory.last.copy_(encoder(x).detach())
    return memory().square().mean()


@trap(expected={("loss", "first"): LIVE, ("loss", "second"): ABSENT})
def shared_buffer() -> Target:
    """Two modules share what they remember, and nothing else."""
    first: Any = Memory()
    second: Any = Memory()
    second.last = first.last

    def losses(x: Tensor) -> dict[str, Tensor]:
        first.last.add_(1)
        return {"loss": (first() + second.last).square().mean()}

    return Target({"first": first, "second": second}, losses, batches=[points()])


class CodeBook(nn.Module):
    """Quantises to the nearest code; the codes are moving averages, not parameters."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", points(1, 5, 3))

    def forward(self, z: Tensor) -> Tensor:
        nearest = torch.cdist(z.detach(), self.codes).argmin(-1)
        with torch.no_grad():
            self.codes[nearest] = 0.9 * self.codes[nearest] + 0.1 * z
        return z + (self.codes[nearest] - z).detach()


@one_loss(encoder=LIVE, codes=ABSENT, head=LIVE, parts={"codes": CodeBook})
def code_book(x: Tensor, encoder: nn.Module, codes: nn.Module, head: nn.Module) -> Tensor:
    """Straight through a code book that learns without gradient."""
    return head(codes(encoder(x))).square().mean()


class Counter(nn.Module):
    """Counts its calls in plain attributes and scales by the count."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls, self.history = linear(), 0, []

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.history.append(float(x.detach().mean()))
        return self.layer(x) / self.calls


@one_loss(encoder=LIVE, parts={"encoder": Counter})
def counted_calls(x: Tensor, encoder: nn.Module) -> Tensor:
    """An audit must not count."""
    return encoder(x).square().mean()


class Logged(nn.Module):
    """Keeps a log in containers inside of containers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.log, self.latest = linear(), {"means": []}, deque(maxlen=3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.layer(x)
        self.log["means"].append(float(z.detach().mean()))
        self.latest.append(z.detach())
        return z


@one_loss(encoder=LIVE, parts={"encoder": Logged})
def nested_log(x: Tensor, encoder: nn.Module) -> Tensor:
    """An audit must not be in the log."""
    return encoder(x).square().mean()


class Running(nn.Module):
    """A running mean in a plain attribute: somebody forgot to register the buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mean = linear(), torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        return self.layer(x - self.mean)


@one_loss(encoder=LIVE, parts={"encoder": Running})
def attribute_written_in_place(x: Tensor, encoder: nn.Module) -> Tensor:
    """Statistics that `buffers()` does not find."""
    return encoder(x).square().mean()


class Carried(nn.Module):
    """Carries its hidden state from batch to batch."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.h = nn.GRUCell(3, 3), None

    def forward(self, x: Tensor) -> Tensor:
        self.h = self.cell(x, None if self.h is None else self.h.detach())
        return self.h


@one_loss(memory=LIVE, head=LIVE, parts={"memory": Carried}, batches=[points(0), points(1)])
def state_carried_over(x: Tensor, memory: nn.Module, head: nn.Module) -> Tensor:
    """The first step after an audit starts where the last one before it ended."""
    return head(memory(x)).square().mean()
