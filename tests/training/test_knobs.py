"""What makes training faster does not change which loss updates which module, nor what a step computes."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from jepa_world_model.gradient_flow.target import target_in_training
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config
from jepa_world_model.record import record
from jepa_world_model.run import open_config_source
from jepa_world_model.states import Gates
from jepa_world_model.training.divergence import Diverged
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from jepa_world_model.training.runtime import prepare, resolve
from jepa_world_model.training.session import Session
from jepa_world_model.training.trainer import Trainer

pytestmark = pytest.mark.slow

BuildConfig = Callable[..., Config]
KNOBS = ("train.precision=bfloat16", "train.channels_last=false", "train.compile=true", "train.accumulate=2")
EACH = tuple(f"losses.{name}=0.1" for name in LOSSES)
BATCH = "train.batch_size=4"


def trainer_of(config: Config) -> Trainer:
    config = resolve(config)
    return Trainer(config, open_config_source(config), prepare(config.train))


def updates(trainer: Trainer) -> dict[str, list[str]]:
    """By loss: the modules that its own gradient reaches in the pass that trains, knobs and all."""
    trainer.model.requires_grad_(True)
    parameters = dict(trainer.model.named_parameters())
    batch = trainer.sampler.batch(0)
    found = {}
    for number, name in enumerate(trainer.objective.names):
        with trainer.runtime.autocast():  # a compiled graph goes backward once
            loss = trainer.objective.each(trainer.objective.states(trainer.model, batch))[number]
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        touched = {
            key.split(".")[0]
            for key, gradient in zip(parameters, gradients, strict=True)
            if gradient is not None and gradient.abs().max() > 0
        }
        found[name] = [module for module in record().modules if module in touched]
    return found


GATES = ((), ("train.detach_z_from_h_and_p=false",), ("train.detach_decoder=true",))
COMPILED = "train.compile=true"


@pytest.mark.parametrize(
    ("knob", "gate"),
    [(knob, gate) for knob in (None, *KNOBS) for gate in (GATES if knob != COMPILED else GATES[1:2])],
)
def test_each_loss_updates_the_same_modules(knob: str | None, gate: tuple[str, ...], small_config: BuildConfig) -> None:
    config = small_config(*EACH, BATCH, "model.image_size=32", *gate, *([knob] if knob else []))
    documented = record().routing(vars(Gates.of(config.model, config.train))).updates
    assert updates(trainer_of(config)) == {name: list(documented[name]) for name in LOSSES}


@pytest.mark.parametrize("knob", KNOBS)
def test_the_audit_in_training_sees_no_difference(knob: str, small_config: BuildConfig) -> None:
    from audits import audit

    plain, turned = (audit(target_in_training(trainer_of(small_config(BATCH, *more)))) for more in ((), (knob,)))
    assert plain.table().equals(turned.table())


@pytest.mark.parametrize(("knob", "relative"), [("train.channels_last=false", 1e-4), ("train.compile=true", 1e-4)])
def test_a_step_costs_the_same(knob: str, relative: float, small_config: BuildConfig) -> None:
    plain, turned = trainer_of(small_config(BATCH)), trainer_of(small_config(BATCH, knob))
    (expected, _, norm), (found, _, other_norm) = (
        trainer.step(trainer.sampler.batch(0)) for trainer in (plain, turned)
    )
    assert torch.allclose(found, expected, rtol=relative, atol=1e-6)
    assert torch.allclose(other_norm, norm, rtol=relative)


def test_parts_add_up_to_the_gradient_of_the_whole_where_no_statistic_is_of_the_batch(
    small_config: BuildConfig,
) -> None:
    """Batch norm by running statistics, no spectral norm (each part would iterate it), and no loss of a whole batch:
    what is left are means over windows.
    """
    settings = ("train.batch_size=8", "losses.scale_dp=0", "model.predictor_spectral_norm=false")
    found = []
    for parts in (1, 2, 4):
        trainer = trainer_of(small_config(*settings, f"train.accumulate={parts}"))
        trainer.model.encoder.eval()
        trainer.step(trainer.sampler.batch(0))
        found.append({name: parameter.grad.clone() for name, parameter in trainer.named_parameters.items()})
    for other in found[1:]:
        for name, gradient in found[0].items():
            assert torch.allclose(other[name], gradient, rtol=1e-3, atol=1e-5), name


def test_a_gradient_that_is_not_finite_is_traced_through_compiled_modules(
    small_config: BuildConfig, tmp_path: Path
) -> None:
    trainer = trainer_of(small_config(BATCH, COMPILED, "train.steps=2", "train.log_every=1"))
    for parameter in trainer.model.inverse_dynamics_h.parameters():
        parameter.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(Diverged) as caught:
        Session(trainer, RunFolder.create(tmp_path / "run", trainer.config), Observer()).fit()
    assert caught.value.losses == ["the gradient of inverse_dynamics_h"]
