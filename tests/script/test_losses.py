"""What goes backward is taken apart into the losses that the source speaks of, with the weights that it gives them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.script.running import audited, updated, written

PARTS = """
enc, dec, cls = nn.Linear(4, 3), nn.Linear(3, 4), nn.Linear(3, 2)
opt = torch.optim.SGD([*enc.parameters(), *dec.parameters(), *cls.parameters()], lr=0.1)
x, y = torch.randn(6, 4), torch.randint(0, 2, (6,))
z = enc(x)
def rec(z):
    return F.mse_loss(dec(z), x)
def ce(z):
    value = F.cross_entropy(cls(z.detach()), y)
    return value
"""
STEP = "\nopt.step()\n"

SUMS = {
    "variables": ("a = rec(z)\nb = ce(z)\nloss = a + 0.5 * b\nloss.backward()", {"a": 1, "b": 0.5}),
    "factor_behind": ("a = rec(z)\nb = ce(z)\nloss = a * 2 - b / 4\nloss.backward()", {"a": 2, "b": -0.25}),
    "expressions": ("(rec(z) + 3 * ce(z)).backward()", {"rec(z)": 1, "ce(z)": 3}),
    "keys": (
        "d = {'a': rec(z), 'b': ce(z)}\nw = {'a': 1.0, 'b': 0.1}\nsum(w[k] * v for k, v in d.items()).backward()",
        {"a": 1, "b": 0.1},
    ),
    "keys_summed": ("d = dict(a=rec(z), b=ce(z))\nloss = sum(d.values())\nloss.backward()", {"a": 1, "b": 1}),
    "key_of_the_total": (
        "d = {}\nd['a'] = rec(z)\nd['b'] = ce(z)\nd['all'] = d['a'] + 2 * d['b']\nd['all'].backward()",
        {"a": 1, "b": 2},
    ),
    "mean_of_a_stack": ("a, b = rec(z), ce(z)\ntorch.stack([a, b]).mean().backward()", {"a": 0.5, "b": 0.5}),
    "weights_as_a_tensor": (
        "losses = torch.stack((rec(z), ce(z)))\n(torch.tensor([1.0, 4.0]) * losses).sum().backward()",
        {"rec(z)": 1, "ce(z)": 4},
    ),
    "scalar_product": (
        "a = rec(z)\nb = ce(z)\ntorch.dot(torch.tensor([2.0, 3.0]), torch.stack([a, b])).backward()",
        {"a": 2, "b": 3},
    ),
    "in_place": ("loss = 0\nfor f in (rec, ce):\n    part = f(z)\n    loss += part\nloss.backward()", {"part": 1}),
    "so_far": (
        "a = rec(z)\nloss = a\nb = ce(z)\nloss = loss + 0.3 * b\nloss /= 2\nloss.backward()",
        {"a": 0.5, "b": 0.15},
    ),
    "begins_with_a_tensor": (
        "loss = torch.zeros(1, requires_grad=True)\na = rec(z)\nloss = loss + a\nloss.backward()",
        {"a": 1},
    ),
    "a_list_of_a_loop": (
        "losses = []\nfor k in range(3):\n    losses.append(F.mse_loss(dec(z + k), x))\n"
        "torch.stack(losses).sum().backward()",
        {"losses": 1},
    ),
    "attributes": (
        "from types import SimpleNamespace\nout = SimpleNamespace(a=rec(z), b=ce(z))\n(out.a + out.b).backward()",
        {"a": 1, "b": 1},
    ),
    "several_roots": ("a, b = rec(z), ce(z)\ntorch.autograd.backward([a, b])", {"a": 1, "b": 1}),
    "one_after_another": ("a = rec(z)\na.backward(retain_graph=True)\nb = ce(z)\nb.backward()", {"a": 1, "b": 1}),
    "gradients_asked_for": (
        "a = rec(z)\np = [*enc.parameters()]\nfor q, g in zip(p, torch.autograd.grad(a, p)):\n    q.grad = g",
        {"a": 1},
    ),
    "one_term_has_the_name_of_the_root": ("loss = 0.5 * rec(z)\nloss.backward()", {"loss": 1}),
    "accumulated": ("loss = rec(z)\n(loss / 4).backward()", {"loss": 0.25}),
    "scaled": (
        "scaler = torch.amp.GradScaler('cpu', init_scale=8.0)\na, b = rec(z), ce(z)\n"
        "loss = a + 2 * b\nscaler.scale(loss).backward()",
        {"a": 1, "b": 2},
    ),
    "returned_beside_its_parts": (
        "def all_losses(z):\n    a = rec(z)\n    b = ce(z)\n    return a + b, {'a': a.item()}\n"
        "loss, logged = all_losses(z)\nloss.backward()",
        {"a": 1, "b": 1},
    ),
    "looked_at_before": (
        "a = rec(z)\nsize = torch.autograd.grad(a, dec.weight, retain_graph=True)[0].norm()\nb = ce(z)\n"
        "loss = a + b\nloss.backward()",
        {"a": 1, "b": 1},
    ),
    "in_a_loop": (
        "for part in [rec(z), ce(z)]:\n    part.backward(retain_graph=True)",
        {"rec(z)": 1, "value": 1},
    ),
    "a_helper_of_helpers": (
        "def total(z):\n    loss = rec(z)\n    return loss\nboth = total(z) + 2 * total(z * 2)\nboth.backward()",
        {"total(z)": 1, "total(z * 2)": 2},
    ),
    "a_learned_vector_of_weights": (
        "s = nn.Parameter(torch.ones(2))\nopt.add_param_group({'params': [s]})\na, b = rec(z), ce(z)\n"
        "loss = (s * torch.stack([a, b])).sum()\nloss.backward()",
        {"a": 1, "b": 1},
    ),
    "long": (
        "loss = 0.0\nfor k in range(500):\n    loss = loss + z.mean()\na = ce(z)\nloss = loss / 500 + a\n"
        "loss.backward()",
        {"z.mean()": 1 / 500, "a": 1},
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_is_taken_apart(name: str, tmp_path: Path) -> None:
    text, weights = SUMS[name]
    found = audited(tmp_path, PARTS + text + STEP)
    assert found.weights == pytest.approx(weights)


def test_a_learned_weight_is_trained_by_its_loss(tmp_path: Path) -> None:
    text = """
    s = nn.ParameterDict({k: nn.Parameter(torch.zeros(())) for k in ("a", "b")})
    model = nn.ModuleDict({"parts": nn.ModuleList([enc, dec, cls]), "s": s})
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = {"a": rec(z), "b": ce(z)}
    loss = sum(torch.exp(-s[k]) * v + s[k] for k, v in losses.items())
    loss.backward()
    opt.step()
    """
    found = audited(tmp_path, PARTS + dedent(text))
    assert updated(found) == {
        "a": {"model.parts", "model.s"},
        "model.s.a": {"model.s"},
        "b": {"model.parts", "model.s"},
        "model.s.b": {"model.s"},
    }


def test_a_loss_without_gradient_is_a_row_with_the_place_that_stops_it(tmp_path: Path) -> None:
    found = audited(
        tmp_path, PARTS + "a = rec(z)\nwith torch.no_grad():\n    b = ce(z)\nloss = a + b\nloss.backward()" + STEP
    )
    assert updated(found) == {"a": {"enc", "dec"}, "b": set()}
    assert "torch.no_grad()" in found.flows[0].cells["b", "cls"].stops[0].place.text


def test_losses_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = """
def train(opt, loss):
    opt.zero_grad()
    loss.backward(retain_graph=True)
    opt.step()
def first():
    loss = rec(z)
    return loss
def second():
    loss = ce(enc(x))
    return loss
one = torch.optim.SGD([*enc.parameters(), *dec.parameters()], lr=0.0)
other = torch.optim.SGD(cls.parameters(), lr=0.0)
train(one, first())
train(other, second())
"""
    found = audited(tmp_path, PARTS.replace("opt = ", "unused = lambda: ") + text)
    assert sorted(map(sorted, updated(found).values())) == [["cls"], ["dec", "enc"]]


def test_a_backward_call_that_names_its_inputs_updates_those_alone(tmp_path: Path) -> None:
    found = audited(tmp_path, PARTS + "a = rec(z)\na.backward(inputs=list(dec.parameters()))" + STEP)
    assert updated(found) == {"a": {"dec"}}
    assert found.flows[0].cells["a", "enc"].reason == "the backward call names other inputs"


def test_a_loss_is_renamed_by_its_line(tmp_path: Path) -> None:
    text = PARTS + "loss = rec(z) + ce(z)\nloss.backward()" + STEP
    lines = written(tmp_path, text).read_text().splitlines()
    line = 1 + next(number for number, each in enumerate(lines) if "return F.mse_loss" in each)
    found = audited(tmp_path, text, renamed={"reconstruction": ("train.py", line)})
    assert found.losses == ("reconstruction", "ce(z)")


def test_a_view_made_without_gradient_is_a_stop_and_no_parameter(tmp_path: Path) -> None:
    """Torch says that it requires gradient, as its base does."""
    found = audited(
        tmp_path,
        """
        encoder, head, scale = nn.Linear(4, 4), nn.Linear(4, 4), nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters(), scale], lr=0.1)
        x = torch.randn(8, 4)
        z = encoder(x)
        with torch.no_grad():
            target = z.view(-1, 4)
            noise = torch.normal(target, scale.exp().expand(1))
        loss = (z - head(noise)).square().mean() * scale.exp()
        aside = (head(x) - target).square().mean()
        (loss + aside).backward()
        optimizer.step()
        """,
    )
    assert found.modules == ("encoder", "head", "scale")
    assert "cut at" in found.flows[0].cells["aside", "encoder"].reason
    assert not [note for note in found.notes if "could not be recorded" in note]
