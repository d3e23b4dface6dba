"""The columns of a script's table: the parts of its outermost modules, by the names that its code has for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from audits.errors import AuditError
from tests.script.running import audited

TWO = """
class {0}(nn.Module):
    def __init__(self):
        super().__init__()
        self.{1} = nn.Linear(3, 3)
        self.{2} = nn.Linear(3, 3)
    def forward(self, x):
        return self.{2}(self.{1}(x))
"""
NET = TWO.format("Net", "encoder", "head")
LAYERS = TWO.format("Layers", "fc1", "fc2")
STEP = """
loss = {}(torch.randn(2, 3)).mean()
opt = torch.optim.SGD({}.parameters(), lr=0.1)
loss.backward()
opt.step()
"""

COLUMNS = {
    "children": (NET + "model = Net()" + STEP.format("model", "model"), {"model.encoder", "model.head"}),
    "parallel": (
        NET + "net = nn.DataParallel(Net())" + STEP.format("net", "net"),
        {"net.encoder", "net.head"},
    ),
    "compiled": (
        NET + "net = torch.compile(Net())" + STEP.format("net", "net"),
        {"net.encoder", "net.head"},
    ),
    "wrapped": (
        NET
        + "class Lit(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.model = Net()\n"
        + "lit = Lit()"
        + STEP.format("lit.model", "lit"),
        {"lit.model.encoder", "lit.model.head"},
    ),
    "a_sequence": (
        "net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))" + STEP.format("net", "net"),
        {"net"},
    ),
    "networks_beside_each_other": (
        NET
        + LAYERS
        + "model, critic = Net(), Layers()\nboth = nn.ModuleList([model, critic])\n"
        + "params = both.parameters()\ndel both"
        + "\nloss = critic(model(torch.randn(2, 3))).mean()\nopt = torch.optim.SGD(params, lr=0.1)"
        + "\nloss.backward()\nopt.step()",
        {"model.encoder", "model.head", "critic"},
    ),
    "attributes_of_an_agent": (
        LAYERS
        + "class Agent:\n    def __init__(self):\n        self.actor, self.critic = Layers(), Layers()\n"
        + "        self.s = torch.zeros(1, requires_grad=True)\n"
        + "        self.opt = torch.optim.SGD([*self.actor.parameters(), *self.critic.parameters(), self.s], lr=0.1)\n"
        + "    def update(self):\n        loss = (self.critic(self.actor(torch.randn(2, 3))) * self.s).mean()\n"
        + "        loss.backward()\n        self.opt.step()\n"
        + "agent = Agent()\nagent.update()",
        {"self.actor", "self.critic", "self.s"},
    ),
    "a_function": (
        NET
        + "def main():\n    vae = Net()\n    train(vae)\ndef train(net):"
        + STEP.format("net", "net").replace("\n", "\n    ")
        + "\nmain()",
        {"vae.encoder", "vae.head"},
    ),
    "attributes_that_a_method_is_given": (
        "class Model:\n    def __init__(self):\n        self.net_a, self.net_b = nn.Linear(3, 3), nn.Linear(3, 3)\n"
        "        self.opt = torch.optim.SGD([*self.net_a.parameters(), *self.net_b.parameters()], lr=0.1)\n"
        "    def send(self, net):\n        loss = net(torch.randn(2, 3)).mean()\n        loss.backward()\n"
        "    def update(self):\n        self.send(self.net_a)\n        self.send(self.net_b)\n        self.opt.step()\n"
        "Model().update()",
        {"self.net_a", "self.net_b"},
    ),
    "a_list_that_torch_does_not_know": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.stem, self.layers = nn.Linear(3, 3), [nn.Linear(3, 3), nn.Linear(3, 3)]\n"
        "    def forward(self, x):\n        return self.layers[1](self.layers[0](self.stem(x)))\n"
        "net = Net()" + STEP.format("net", "net"),
        {"net", "net.layers[0]", "net.layers[1]"},
    ),
    "not_run_yet": (
        "heads = {'a': nn.Linear(3, 3), 'b': nn.Linear(3, 3)}\n"
        "opt = torch.optim.SGD([p for head in heads.values() for p in head.parameters()], lr=0.1)\n"
        "heads['a'](torch.randn(2, 3)).mean().backward()\nopt.step()",
        {'heads["a"]', 'heads["b"]'},
    ),
    "entries_of_a_dict": (
        "nets = {'a': nn.Linear(3, 3), 'b': nn.Linear(3, 3)}\nopt = torch.optim.SGD(nets['a'].parameters(), lr=0.1)\n"
        "nets['b'](nets['a'](torch.randn(2, 3))).mean().backward()\nopt.step()",
        {'nets["a"]', 'nets["b"]'},
    ),
    "weights_moved_by_hand": (
        "w = torch.randn(3, requires_grad=True)\nb = torch.zeros(1, requires_grad=True)\nfor _ in range(3):\n"
        "    loss = (w * 2).sum().pow(2) + b.sum()\n    loss.backward()\n    with torch.no_grad():\n"
        "        for p in (w, b):\n            p -= 0.1 * p.grad\n            p.grad = None",
        {"w", "b"},
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str, tmp_path: Path) -> None:
    text, expected = COLUMNS[name]
    assert set(audited(tmp_path, text).modules) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["0"], {"model"}),
        (["1"], {"model.encoder", "model.head"}),
        (["model.enc*", "model.head"], {"model.encoder", "model.head"}),
        (["*.head"], {"model.head"}),
    ],
)
def test_columns_that_are_asked_for(asked: list[str], expected: set[str], tmp_path: Path) -> None:
    text = NET + "model = Net()" + STEP.format("model", "model")
    assert set(audited(tmp_path, text, modules=asked).modules) == expected


def test_a_pattern_that_no_module_has(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"--modules decoder: no module has such a name; there are model\.encoder"):
        audited(tmp_path, NET + "model = Net()" + STEP.format("model", "model"), modules=["decoder"])
