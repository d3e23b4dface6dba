"""What one run leaves open is unproven, and decided by runs in float64 and at other weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audits.errors import AuditError
from audits.result import Audit, Status
from audits.script.proof import proved
from audits.script.request import Script
from audits.script.running import run_script
from tests.script.running import written

TEXT = """
enc = nn.Linear(4, 4)
opt = torch.optim.SGD(enc.parameters(), lr=0.1)
x = torch.randn(8, 4)
fit = enc(x).pow(2).mean()
margin = F.relu(enc(x).norm(dim=1) - 2.6).mean()
nothing = F.relu(enc(x).clamp(max=0)).sum()
loss = fit + margin + nothing
loss.backward()
opt.step()
"""


def _proved(path: Path) -> tuple[Audit, list[str]]:
    script, runs = Script(path), []

    def run(variation: str) -> Audit:
        runs.append(variation)
        return run_script(replace(script, variation=variation))

    return proved(run_script(script), run), runs


def test_a_gradient_of_zero_is_unproven_and_then_decided(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    first = run_script(Script(path)).flows[0].cells
    statuses = {loss: cell.status for (loss, _), cell in first.items()}
    assert statuses == {"fit": Status.LIVE, "margin": Status.UNPROVEN, "nothing": Status.UNPROVEN}

    found, runs = _proved(path)
    statuses = {loss: cell.status for (loss, _), cell in found.flows[0].cells.items()}
    assert statuses == {"fit": Status.LIVE, "margin": Status.IDLE, "nothing": Status.VACUOUS}
    assert runs[0] == "float64"
    assert len(runs) > 1


def test_rounding_noise_is_vacuous(tmp_path: Path) -> None:
    text = """
    enc, head = nn.Linear(4, 4), nn.Linear(4, 4)
    opt = torch.optim.SGD([*enc.parameters(), *head.parameters()], lr=0.1)
    x = torch.randn(8, 4)
    same = (head(enc(x)) - F.linear(x, head.weight @ enc.weight, head(enc.bias))).abs().mean()
    loss = same + head(x).pow(2).mean()
    loss.backward()
    opt.step()
    """
    path = written(tmp_path, text)
    assert run_script(Script(path)).flows[0].cells["same", "enc"].status is Status.UNPROVEN
    assert _proved(path)[0].flows[0].cells["same", "enc"].status is Status.VACUOUS


def test_a_script_that_does_not_run_in_float64_stays_unproven(tmp_path: Path) -> None:
    text = TEXT + "\nassert enc.weight.dtype == torch.float32\n"
    path = written(tmp_path, text.replace("x = torch", "assert enc.weight.dtype == torch.float32\nx = torch"))
    found, runs = _proved(path)
    assert runs == ["float64"]
    assert found.flows[0].cells["margin", "enc"].status is Status.UNPROVEN
    assert any("not proven: in float64 train raises AssertionError" in note for note in found.notes)


def test_what_is_clear_needs_one_more_run(tmp_path: Path) -> None:
    text = TEXT.replace("loss = fit + margin + nothing", "loss = fit")
    _, runs = _proved(written(tmp_path, text))
    assert runs == ["float64"]


def test_a_variation_that_dies_proves_nothing(tmp_path: Path) -> None:
    first = run_script(Script(written(tmp_path, TEXT)))

    def run(variation: str) -> Audit:
        if variation == "float64":
            return first
        raise AuditError("it dies at other weights")

    assert proved(first, run).flows[0].cells["margin", "enc"].status is Status.UNPROVEN
