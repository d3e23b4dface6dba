"""A loss that is computed and not trained is told from all that a script computes in order to look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from audits.remark import Remark
from tests.script.running import audited

BEGIN = """
body, head = nn.Linear(4, 4), nn.Linear(4, 2)
opt = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.1)
mean_loss = 0.0
for step in range(3):
    x = torch.randn(8, 4)
    z = body(x)
    y = head(z)
    fit = (y - 1).square().mean()
    size = z.square().mean()
"""
END = """
    opt.step()
    opt.zero_grad()
"""
LOOKED_AT = {
    "a total of two": "fit.backward(retain_graph=True); size.backward(); total_loss = fit + size",
    "its root": "fit.backward(); root_loss = fit.sqrt()",
    "a running mean": "mean_loss = 0.9 * mean_loss + fit; (fit + size).backward(); mean_loss = mean_loss.detach()",
    "without gradient": "fit.backward(); smooth_loss = F.smooth_l1_loss(y.detach(), torch.ones(8, 2))",
    "by no_grad": "fit.backward()\n    with torch.no_grad(): val_loss = (head(body(x)) - 1).abs().mean()",
    "another pass": "fit.backward(); val_loss = (head(body(torch.randn(8, 4))) - 1).abs().mean()",
    "no loss": "fit.backward(); spread = z.std()",
    "a loss at a time": "fit.backward(retain_graph=True); opt.zero_grad(); (fit + size).backward()",
    "a part at a time": "fit.backward(retain_graph=True); size.backward()",
    "another turn": "a_loss, b_loss = fit * 1, size * 1; (b_loss if step % 2 else a_loss).backward()",
    "an entry in turns": "losses = {'a': fit * 1, 'b': size * 1}; losses['b' if step % 2 else 'a'].backward()",
    "half each": "loss = 0.5 * fit + 0.5 * size; (loss * 2).backward()",
    "per sample": "sample_loss = (y - 1).square().mean(1); sample_loss.mean().backward()",
    "a bound of one": "hinge_loss = torch.maximum(fit, size); hinge_loss.backward()",
    "a penalty": "in_loss = -fit; g, = torch.autograd.grad(in_loss, z, create_graph=True); g.norm().backward()",
}
LEFT_OUT = {
    "by its name": ("size_loss = size * 2; fit.backward()", "size_loss"),
    "by its dictionary": ("losses = {'fit': fit, 'size': z.abs().mean()}; losses['fit'].backward()", "size"),
    "by an entry": (
        "losses = {'fit': fit}; losses['size'] = z.abs().mean(); losses['fit'].backward()",
        "size",
    ),
    "by the total": ("loss = fit + size; fit.backward()", "size"),
    "by a detached total": ("loss = (fit + size); fit.backward(); log = loss.detach()", "size"),
}


def told(folder: Path, line: str) -> list[Remark]:
    found = audited(folder, f"{BEGIN}    {line}{END}")
    assert found.steps is not None
    return [each for each in found.steps.findings if each.kind in ("loss left out", "other weight")]


@pytest.mark.parametrize("how", LOOKED_AT)
def test_what_is_only_looked_at_is_no_loss_left_out(how: str, tmp_path: Path) -> None:
    assert told(tmp_path, LOOKED_AT[how]) == []


@pytest.mark.parametrize("how", LEFT_OUT)
def test_a_loss_that_is_left_out_is_named(how: str, tmp_path: Path) -> None:
    line, name = LEFT_OUT[how]
    (remark,) = told(tmp_path, line)
    assert (remark.kind, remark.losses) == ("loss left out", (name,))


@pytest.mark.parametrize(
    "line",
    [
        "(fit + size + size).backward()",
        "loss = fit + size; loss += size; loss.backward()",
        "sum([fit, size, size]).backward()",
        "torch.stack([size, fit, size]).mean().backward()",
    ],
)
def test_a_loss_that_is_added_twice_is_named(line: str, tmp_path: Path) -> None:
    (remark,) = told(tmp_path, line)
    assert (remark.kind, remark.text) == ("other weight", "size is added twice to what goes backward")
    assert remark.losses == ("size",)


def test_a_loss_that_goes_backward_twice_before_a_step_is_named(tmp_path: Path) -> None:
    (remark,) = told(tmp_path, "size.backward(retain_graph=True); (fit + size).backward()")
    assert (remark.kind, remark.text) == ("other weight", "size goes backward twice before the step of opt")
