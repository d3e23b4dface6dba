"""What the optimizer steps of an unchanged script move, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audits.remarks import remarks
from audits.script.request import Script
from audits.script.running import run_script

SCRIPTS = Path(__file__).parent / "scripts"
CLEAN = """
import torch
from torch import nn
encoder, head, probe = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 1)
scale = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters(), *probe.parameters(), scale], lr=0.1)
for _ in range(3):
    z = encoder(torch.randn(8, 4))
    fit = (head(z) - 1).square().mean()
    probed = (probe(z.detach()) * scale.exp() - 1).square().mean()
    loss = fit + 0.5 * probed
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


HOOKED = """
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
optimizers = {parameter: torch.optim.SGD([parameter], lr=0.1) for parameter in net.parameters()}

def step_now(parameter):
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()

for parameter in net.parameters():
    parameter.register_post_accumulate_grad_hook(step_now)
for _ in range(3):
    fit = (net(torch.randn(8, 4)) - 1).square().mean()
    fit.backward()
"""


@pytest.mark.parametrize("name", ["gan", "sac", "lora"])
def test_nothing_is_found_in_a_script_without_a_fault(name: str) -> None:
    found = run_script(Script(SCRIPTS / f"{name}.py"))
    assert found.steps is not None
    assert found.steps.findings == ()
    assert found.steps.count >= 2


def test_what_moves_is_told_under_the_names_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "clean.py"
    path.write_text(CLEAN, encoding="utf-8")
    found = run_script(Script(path))
    assert found.steps is not None
    assert remarks(found) == []
    assert found.steps.count == 2
    assert {move.module: move.losses for move in found.steps.moves} == {
        "encoder": ("fit",),
        "head": ("fit",),
        "probe": ("probed",),
        "scale": ("probed",),
    }
    assert found.steps.weights == {"optimizer": {"fit": 1.0, "probed": 0.5}}
    assert not torch.is_anomaly_enabled()


def test_a_script_that_dies_in_its_second_round_is_audited_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "dies.py"
    path.write_text(CLEAN.replace("    z =", "    assert _ < 1\n    z ="), encoding="utf-8")
    found = run_script(Script(path))
    assert "dies raises AssertionError in its second round: its steps are those before" in found.notes
    assert found.steps is not None
    assert found.steps.moved("optimizer") == ("encoder", "head", "probe", "scale")


def test_a_step_in_a_hook_of_the_backward_pass_is_by_the_loss(tmp_path: Path) -> None:
    path = tmp_path / "hooked.py"
    path.write_text(HOOKED, encoding="utf-8")
    found = run_script(Script(path))
    assert found.steps is not None
    assert found.steps.findings == ()
    assert {move.losses for move in found.steps.moves} == {("fit",)}
