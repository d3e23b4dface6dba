"""Scripts that leave their training to an installed library: all is in one line of theirs."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from audits.result import Audit, Status
from audits.script.request import Script
from audits.script.running import run_script

AGENTS = '''
"""An actor and a critic, each with its optimizer, and a loss that counts nothing."""

import torch
from torch import nn


class Critic(nn.Linear):
    def __init__(self) -> None:
        super().__init__(5, 1)
        self.optimizer = torch.optim.Adam(self.parameters(), 1e-2)


class Agent:
    def __init__(self) -> None:
        self.actor, self.critic = nn.Linear(3, 2), Critic()
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), 1e-2)
        self.entropy_coefficient = 0.0

    def learn(self, rounds: int) -> None:
        for _ in range(rounds):
            self._train()

    def _train(self) -> None:
        seen = torch.randn(16, 3)
        action = self.actor(seen)
        critic_loss = (self.critic(torch.cat([seen, action.detach()], 1)) - seen.sum(1, keepdim=True)).square().mean()
        self.critic.optimizer.zero_grad()
        critic_loss.backward()
        self.critic.optimizer.step()
        entropy_loss = action.square().mean()
        policy_loss = -self.critic(torch.cat([seen, action], 1)).mean()
        loss = policy_loss + self.entropy_coefficient * entropy_loss
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()
'''
QUANTIZERS = '''
"""A loss that begins as a buffer of zero, which is told to take gradient."""

import torch
from torch import nn


class Quantizer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("zero", torch.tensor(0.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        loss = self.zero
        loss.requires_grad_()
        commit_loss = (x - x.detach().round()).square().mean()
        loss = loss + commit_loss * 0.25
        return loss
'''

FUNCTIONALS = '''
"""A network that runs with copies of its parameters."""

import torch
from torch import nn
from torch.func import functional_call


class Functional(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.shell = lambda: network
        self.copies = nn.ParameterDict({name: each.detach().clone() for name, each in network.named_parameters()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional_call(self.shell(), dict(self.copies), (x,))


class Gathered(nn.Module):
    def __init__(self, net: nn.Module, value_net: nn.Module) -> None:
        super().__init__()
        self.run = lambda x: (net(x).square().mean(), value_net(x).square().mean())
        self.params = nn.ModuleList([nn.ParameterList(net.parameters()), nn.ParameterList(value_net.parameters())])

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.run(x)
'''


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    for name, source in (("agents", AGENTS), ("quantizers", QUANTIZERS), ("functionals", FUNCTIONALS)):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr("sys.argv", ["pytest"])


def _audit_of(folder: Path, script: str) -> Audit:
    path = folder / "train.py"
    path.write_text(dedent(script), encoding="utf-8")
    return run_script(Script(path))


@pytest.fixture
def agent(tmp_path: Path) -> Audit:
    return _audit_of(tmp_path, "from agents import Agent\nagent = Agent()\nagent.learn(4)\n")


def test_steps_of_a_library_in_one_line_are_told_apart(agent: Audit) -> None:
    """Each step has its optimizer by the name that the script would use, and only the losses in its gradient."""
    assert agent.steps is not None
    taken = {move.optimizer: (move.module, move.losses) for move in agent.steps.moves}
    assert taken == {
        "agent.critic.optimizer": ("agent.critic", ("critic_loss",)),
        "agent.actor_optimizer": ("agent.actor", ("policy_loss",)),
    }


def test_a_loss_of_weight_zero_has_a_gradient_and_moves_nothing(agent: Audit) -> None:
    cells = agent.flows[0].cells
    assert agent.weights["entropy_loss"] == 0
    assert cells["entropy_loss", "agent.actor"].status is Status.LIVE
    assert "entropy_loss has the weight 0: its gradient moves nothing" in agent.notes


def test_places_in_a_library_begin_with_its_name(agent: Audit) -> None:
    assert any("critic_loss (agents/__init__.py:" in note for note in agent.notes)


def test_what_a_sum_begins_with_is_no_loss(tmp_path: Path) -> None:
    script = """
        import torch
        from quantizers import Quantizer

        encoder, quantizer = torch.nn.Linear(4, 4), Quantizer()
        optimizer = torch.optim.SGD(encoder.parameters(), 0.1)
        for _ in range(3):
            z = encoder(torch.rand(8, 4))
            fit = z.square().mean()
            (fit + 2 * quantizer(z)).backward()
            optimizer.step()
            optimizer.zero_grad()
    """
    assert _audit_of(tmp_path, script).weights == {"fit": 1.0, "commit_loss": 0.5}


def test_a_module_that_runs_with_parameters_of_another_is_no_column(tmp_path: Path) -> None:
    """A library keeps a network as a shell, calls it with other parameters, and trains those."""
    script = """
        import torch
        from functionals import Functional

        loss_module = Functional(torch.nn.Linear(4, 4))
        target = torch.nn.Linear(4, 4).requires_grad_(False)
        optimizer = torch.optim.SGD(loss_module.parameters(), 0.1)
        for _ in range(3):
            x = torch.rand(8, 4)
            fit = (loss_module(x) - target(x)).square().mean()
            fit.backward()
            optimizer.step()
            optimizer.zero_grad()
    """
    assert set(_audit_of(tmp_path, script).modules) == {"loss_module", "target"}


def test_a_container_of_the_parameters_of_others_is_no_column(tmp_path: Path) -> None:
    """A library gathers the parameters of networks that the script has names for."""
    script = """
        import torch
        from functionals import Gathered

        net, value_net = torch.nn.Linear(4, 4), torch.nn.Linear(4, 1)
        loss_module = Gathered(net, value_net)
        optimizer = torch.optim.SGD(loss_module.parameters(), 0.1)
        for _ in range(3):
            fit, value = loss_module(torch.rand(8, 4))
            (fit + value).backward()
            optimizer.step()
            optimizer.zero_grad()
    """
    found = _audit_of(tmp_path, script)
    assert set(found.modules) == {"net", "value_net"}
    assert found.flows[0].cells["fit", "value_net"].status is Status.ABSENT
