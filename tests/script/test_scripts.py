"""Scripts as people write them, unchanged: each cell is what plain autograd says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from audits.result import Status
from audits.script.request import Script
from audits.script.running import run_script
from tests.script.naive import naive_table

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Known:
    """What a script's table has: rows with the expression of each loss where it goes backward, and columns."""

    losses: dict[str, str]
    modules: dict[str, str]
    weights: dict[str, float]
    calls: int = 1
    frozen: set[tuple[str, str]] = field(default_factory=set)


def _same(*names: str, of: str = "", **others: str) -> dict[str, str]:
    """Names that are expressions too."""
    return {f"{of}{name}": f"{of}{name}" for name in names} | others


KNOWN = {
    "vae": Known(
        {**_same("recon_loss", "kl", "F.cross_entropy(logits, y)")},
        _same("encoder", "mu", "logvar", "decoder", "cls", of="model."),
        {"recon_loss": 1.0, "kl": 0.5, "F.cross_entropy(logits, y)": 0.1},
    ),
    "gan": Known(
        _same("real_loss", "fake_loss", "g_loss"),
        _same("G", "D"),
        {"real_loss": 0.5, "fake_loss": 0.5, "g_loss": 1.0},
        calls=2,
    ),
    "ppo": Known(
        _same("pg_loss", "entropy_loss", "v_loss"),
        _same("actor", "critic", of="agent."),
        {"pg_loss": 1.0, "entropy_loss": -0.01, "v_loss": 0.5},
    ),
    "sac": Known(
        _same("qf1_loss", "qf2_loss", "actor_loss", "alpha_loss"),
        _same("actor", "qf1", "qf2", "qf1_target", "qf2_target", "log_alpha", of="self."),
        {"qf1_loss": 1.0, "qf2_loss": 1.0, "actor_loss": 1.0, "alpha_loss": 1.0},
        calls=3,
    ),
    "byol": Known(
        {"loss": "loss"},
        _same("online_encoder", "online_predictor", "target_encoder", of="learner."),
        {"loss": 1.0},
    ),
    "dino": Known(
        {"loss": "loss"},
        _same("student.backbone", "student.head", "teacher.backbone", "teacher.head"),
        {"loss": 1.0},
    ),
    "diffusion": Known(
        {"loss": "loss"},
        {
            **_same("time_mlp", "down", "mid", "up", of="self.diffusion.model."),
            "self.text_encoder": "self.text_encoder",
        },
        {"loss": 1.0},
        frozen={("loss", "self.text_encoder")},
    ),
    "vqvae": Known(
        {name: f"loss_dict['{name}']" for name in ("reconstruction", "codebook", "commitment")},
        _same("encoder", "quantizer", "decoder", of="net."),
        {"reconstruction": 1.0, "codebook": 1.0, "commitment": 0.25},
    ),
    "multitask": Known(
        {
            "loss_depth": "loss_depth * torch.exp(-model.log_vars[0])",
            "loss_seg": "loss_seg * torch.exp(-model.log_vars[1])",
            "loss_normals": "loss_normals * torch.exp(-model.log_vars[2])",
            "model.log_vars[i]": "model.log_vars.sum()",
        },
        _same("trunk", "depth", "segmentation", "normals", "log_vars", of="model."),
        {"loss_depth": 1.0, "loss_seg": 1.0, "loss_normals": 1.0, "model.log_vars[i]": 1.0},
    ),
    "lora": Known(
        {"loss": "outputs['loss']"},
        _same("embed", "block", "lm_head", of="model."),
        {"loss": 1.0},
        calls=2,
        frozen={("loss", "model.embed"), ("loss", "model.lm_head")},
    ),
    "lightning_style": Known(
        {
            "contrastive": "module.info_nce(*(module.projector(module.backbone(x)) for x in batch[:2]))",
            "probe": "F.cross_entropy(module.classifier(module.backbone(batch[0]).detach()), batch[2])",
        },
        _same("backbone", "projector", "classifier", of="module."),
        {"contrastive": 1.0, "probe": 1.0},
    ),
    "amp_loop": Known(
        {"wasserstein": "wasserstein", "gp": "gp"},
        _same("embedder", "critic"),
        {"wasserstein": 1.0, "gp": 10.0},
    ),
}


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pytest"])


@pytest.mark.parametrize("name", KNOWN)
def test_each_cell_is_what_plain_autograd_says(name: str) -> None:
    known, path = KNOWN[name], SCRIPTS / f"{name}.py"

    found = run_script(Script(path))

    assert set(found.losses) == set(known.losses)
    assert set(found.modules) == set(known.modules)
    assert not [note for note in found.notes if "could not be recorded" in note]
    cells = found.flows[0].cells
    naive = naive_table(path, known.losses, known.modules, known.calls)
    assert {pair: cell.status is Status.LIVE for pair, cell in cells.items()} == naive
    assert {pair for pair, cell in cells.items() if cell.status is Status.FROZEN} == known.frozen
    assert found.weights == pytest.approx(known.weights, rel=1e-5)
    assert found.steps is not None
    assert found.steps.findings == ()


def test_a_script_is_as_it_was_afterwards() -> None:
    before = torch.autograd.backward, torch.autograd.grad, torch.nn.Module.__call__, torch.compile
    run_script(Script(SCRIPTS / "vae.py"))
    assert before == (torch.autograd.backward, torch.autograd.grad, torch.nn.Module.__call__, torch.compile)
