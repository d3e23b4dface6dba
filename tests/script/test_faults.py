"""Scripts as people write them, each with one fault of its steps, and each again with that fault mended."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import distributed

from audits.remark import Remark
from audits.remarks import remarks
from audits.result import Audit
from audits.script.request import Script
from audits.script.running import run_script
from audits.step.findings.declaration import FILES, FINDERS

FAULTS = Path(__file__).parent / "faults"


@dataclass(frozen=True)
class Fault:
    """What is found in a script, and how to mend it."""

    kind: str
    line: str
    """The source line that the finding is at; empty where there is none to tell."""
    wrong: str
    right: str
    """The text in the place of which this one mends the script."""
    says: str
    fails: bool = False
    also: tuple[str, ...] = ()
    """Kinds of findings that follow from it."""


KNOWN = {
    "critic_stepped_between": Fault(
        "changed before backward",
        "g_loss.backward()",
        "    of_generator.zero_grad()\n",
        "    g_loss = -critic(fake).mean()\n    of_generator.zero_grad()\n",
        "the step of of_critic at ",
        fails=True,
    ),
    "hidden_state_kept": Fault(
        "graph of an earlier step", "h = cell(x, h)", "cell(x, h)", "cell(x, h.detach())", "without detach", fails=True
    ),
    "projector_forgotten": Fault(
        "in no optimizer",
        "info_nce.backward()",
        "Adam(self.encoder.parameters()",
        "Adam([*self.encoder.parameters(), *self.projector.parameters()]",
        "self.projector gets gradient from info_nce",
    ),
    "trunk_in_both": Fault(
        "in two optimizers",
        "vf_optimizer.step()",
        "chain(trunk.parameters(), value.parameters())",
        "value.parameters()",
        "trunk is in 2 optimizers: pi_optimizer, vf_optimizer",
    ),
    "head_replaced": Fault(
        "not the module's parameters",
        "optimizer.step()",
        "    model.fc = nn.Linear(16, 10)\n    criterion",
        "    model.fc = nn.Linear(16, 10)\n    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n    criterion",
        "optimizer holds 2 of 6 parameters that no module has",
    ),
    "auxiliary_head_unused": Fault(
        "in an optimizer without gradient",
        "opt.step()",
        "self.main(h), self.main(h)",
        "self.main(h), self.auxiliary(h)",
        "parameters of model.auxiliary, held by opt, got no gradient",
    ),
    "zero_grad_missing": Fault(
        "gradient left over",
        "opt.step()",
        "    loss.backward()\n",
        "    opt.zero_grad()\n    loss.backward()\n",
        "the gradient of loss from before step 2 of opt",
    ),
    "critic_not_zeroed": Fault(
        "gradient left over",
        "d_opt.step()",
        "    d_loss.backward()\n",
        "    d_opt.zero_grad()\n    d_loss.backward()\n",
        "the step of d_opt moves D by the gradient of g_loss",
    ),
    "zeroed_too_late": Fault(
        "cleared before the step",
        "adam.step()",
        "    loss.backward()\n    adam.zero_grad()\n",
        "    adam.zero_grad()\n    loss.backward()\n",
        "that of loss is cleared between backward and step",
    ),
    "step_not_called": Fault(
        "nothing moves", "loss.backward()", "optimizer.step\n", "optimizer.step()\n", "since no optimizer steps"
    ),
    "frozen_encoder_drifts": Fault(
        "moved without gradient",
        "opt.step()",
        "zero_grad(set_to_none=False)",
        "zero_grad()",
        "model.encoder is frozen, but the step of opt moves it by weight decay and the momentum",
    ),
    "idle_task_coasts": Fault(
        "moved without gradient",
        "sgd.step()",
        "zero_grad(set_to_none=False)",
        "zero_grad()",
        'heads["left"] is not reached by any backward call of the step',
    ),
    "frozen_backbone_in_training_mode": Fault(
        "statistics of a frozen module",
        "return self.linear(self.backbone(x).flatten(1))",
        "model.train()\n",
        "model.train()\n    model.backbone.eval()\n",
        "the running statistics of probe.backbone.1 move",
    ),
    "teacher_without_statistics": Fault(
        "average without buffers",
        "",
        "slow.lerp_(fast, 1 - momentum)\n",
        "slow.lerp_(fast, 1 - momentum)\n"
        "    for slow, fast in zip(teacher.buffers(), student.buffers()):\n        slow.copy_(fast)\n",
        "teacher is an average of student, but its buffers stay",
    ),
    "average_without_statistics": Fault(
        "average without buffers",
        "",
        "self.module.parameters(), model.parameters()",
        "self.module.state_dict().values(), model.state_dict().values()",
        "model_ema.module is an average of model, but its buffers stay",
    ),
    "norm_in_half_precision": Fault(
        "lost to precision",
        "optimizer.step()",
        "lr=1e-4",
        "lr=1e-2",
        "model.norm has gradient and a learning rate",
    ),
    "term_left_out": Fault(
        "loss left out",
        "kl_loss = -0.5 * torch.mean(1 + log_var - mu.pow(2) - log_var.exp())",
        "recon_loss.backward()",
        "loss.backward()",
        "kl_loss is computed, but it is in nothing that goes backward",
    ),
    "term_added_twice": Fault(
        "other weight",
        'total = 0.01 * losses["sparsity"]',
        '0.01 * losses["sparsity"]',
        "torch.zeros(())",
        "sparsity is added twice to what goes backward",
    ),
    "other_weight_logged": Fault(
        "other weight",
        "loss = hard + T * T * soft",
        "(hard + soft).backward()",
        "loss.backward()",
        "soft has 0.0625 times the weight in what goes backward that it has in loss, beside hard",
    ),
    "past_the_wrapper": Fault(
        "wrapper bypassed",
        "loss = model.module.training_loss(torch.randn(8, 6))",
        "model.module.training_loss(",
        "model(",
        "model is called past its DistributedDataParallel",
    ),
    "waiting_for_a_branch": Fault(
        "unused under DistributedDataParallel",
        "predicted = detector(torch.randn(8, 6))",
        "loss = box_loss",
        'loss = box_loss + predicted["masks"].square().mean()',
        "2 parameters of detector are in no loss: masks.weight, masks.bias",
        also=("in an optimizer without gradient",),
    ),
}


@pytest.fixture(autouse=True)
def _as_begun(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["pytest"])
    yield
    if distributed.is_initialized():  # by a script that was ended before it could end that
        distributed.destroy_process_group()


def found_in(path: Path) -> Audit:
    found = run_script(Script(path))
    assert found.steps is not None
    return found


def line_of(remark: Remark) -> str:
    if remark.place is None:
        return ""
    return Path(remark.place.path).read_text(encoding="utf-8").splitlines()[remark.place.line - 1].strip()


@pytest.mark.parametrize("name", KNOWN)
def test_a_fault_is_found_at_its_line(name: str) -> None:
    fault = KNOWN[name]
    findings = found_in(FAULTS / f"{name}.py").steps.findings  # type: ignore[union-attr]
    assert sorted(each.kind for each in findings) == sorted((fault.kind, *fault.also))
    (finding,) = [each for each in findings if each.kind == fault.kind]
    assert (line_of(finding), finding.fails) == (fault.line, fault.fails)
    assert fault.says in finding.text


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_is_found_once_it_is_mended(name: str, tmp_path: Path) -> None:
    fault, script = KNOWN[name], (FAULTS / f"{name}.py").read_text(encoding="utf-8")
    assert script.count(fault.wrong) == 1
    path = tmp_path / f"{name}.py"
    path.write_text(script.replace(fault.wrong, fault.right), encoding="utf-8")
    found = found_in(path)
    assert found.steps.findings == ()  # type: ignore[union-attr]
    assert remarks(found) == []
    assert not torch.is_anomaly_enabled()


def test_every_finding_has_a_script() -> None:
    for file in FILES:
        import_module(f"audits.step.findings.{file}")
    assert {fault.kind for fault in KNOWN.values()} == set(FINDERS)
    assert {path.stem for path in FAULTS.glob("*.py")} == set(KNOWN)
