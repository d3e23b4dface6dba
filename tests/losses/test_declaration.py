"""What a declaration promises: stop-grad in the signature, one name once, and an error that names both sides."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from jepa_world_model.gradient import frozen, gate, stop
from jepa_world_model.losses import LOSSES, loss
from jepa_world_model.states import States

pytestmark = pytest.mark.usefixtures("clean_losses")


def declare(function: Callable[..., Tensor]) -> None:
    loss(updates="encoder", meaning="a test")(function)


@pytest.mark.parametrize(
    ("name", "nearest"), [("z_hatt", "z_hat"), ("imagined", "imagined_z"), ("encode", "encoder"), ("qqq", "")]
)
def test_an_unknown_name_is_named_with_its_loss_and_the_nearest(
    name: str, nearest: str, make_states: Callable[..., States]
) -> None:
    for prefix in ("", "sg_"):
        function = eval(f"lambda {prefix}{name}: None")
        function.__name__ = f"odd_{prefix}"
        declare(function)
        with pytest.raises(AttributeError, match=f"'odd_{prefix}' reads '{name}'") as caught:
            LOSSES[f"odd_{prefix}"](make_states())
        assert (f"did you mean '{nearest}'?" in str(caught.value)) is bool(nearest)


def test_two_losses_of_one_name_are_refused() -> None:
    first = LOSSES["jepa"]

    def jepa(z: Tensor) -> Tensor:
        return z.mean()

    with pytest.raises(ValueError, match="jepa"):
        declare(jepa)
    assert LOSSES["jepa"] is first


def test_a_declared_loss_is_listed_last_and_runs(make_states: Callable[..., States], updated: Callable) -> None:
    def size_of_z(z: Tensor) -> Tensor:
        return z.square().sum() + z.sum()

    declare(size_of_z)
    assert list(LOSSES)[-1] == "size_of_z"
    assert updated(LOSSES["size_of_z"](make_states())) == {"encoder"}


@pytest.mark.parametrize("state", ["z", "h", "p", "z_hat", "residual"])
def test_the_prefix_sg_stops(state: str, make_states: Callable[..., States], updated: Callable) -> None:
    stopped, live = eval(f"lambda sg_{state}: sg_{state}"), eval(f"lambda {state}: {state}")
    for name, function in (("stopped", stopped), ("live", live)):
        function.__name__ = name
        declare(function)
    states = make_states()
    assert not LOSSES["stopped"](states).requires_grad
    assert torch.equal(LOSSES["stopped"](states), LOSSES["live"](states))
    assert updated(LOSSES["live"](states).square().sum())


@pytest.mark.parametrize("name", ["h_to_z", "decoder", "predictor"])
def test_frozen_gives_gradient_to_inputs_and_none_to_parameters(name: str, make_states: Callable[..., States]) -> None:
    states = make_states()
    module = states.model.get_submodule(name)
    inputs = {"h_to_z": (states.h,), "decoder": (states.z,), "predictor": (states.z, states.h, states.a)}[name]
    inputs = [value.detach().requires_grad_() for value in inputs]
    output = frozen(module)(*inputs)
    assert torch.equal(output, module(*inputs))
    slopes = torch.autograd.grad(
        output.square().sum(), [*inputs, *module.parameters()], allow_unused=True, materialize_grads=False
    )
    assert all(slope.abs().max() > 0 for slope in slopes[: len(inputs)])
    assert all(slope is None for slope in slopes[len(inputs) :])


def test_the_prefix_frozen_freezes(make_states: Callable[..., States], updated: Callable) -> None:
    def through(z: Tensor, frozen_decoder: nn.Module) -> Tensor:
        return frozen_decoder(z).square().mean()

    declare(through)
    states = make_states()
    assert updated(LOSSES["through"](states)) == {"encoder"}
    assert all(parameter.requires_grad for parameter in states.model.decoder.parameters())


def test_frozen_follows_the_parameters(make_states: Callable[..., States]) -> None:
    """It reads them when it is made, so an optimizer's step is seen by the next batch."""
    layer = nn.Linear(2, 2)
    before = frozen(layer)(torch.ones(2))
    with torch.no_grad():
        layer.weight.add_(1.0)
    assert torch.allclose(frozen(layer)(torch.ones(2)), before + 2.0)


def test_stop_and_a_closed_gate_keep_the_numbers_and_cut_the_history() -> None:
    value = torch.ones(3, requires_grad=True) * 2
    for cut in (stop(value), gate(value, closed=True)):
        assert torch.equal(cut, value)
        assert not cut.requires_grad
    assert gate(value, closed=False) is value


def test_a_declaration_keeps_what_it_was_given() -> None:
    @loss(weight=0.5, updates="encoder, decoder", meaning="words", frames=4, horizon=3)
    def kept(sg_z: Tensor, frozen_encoder: nn.Module, h: Tensor) -> Tensor:
        return sg_z

    assert (kept.name, kept.weight, kept.updates) == ("kept", 0.5, ("encoder", "decoder"))
    assert (kept.meaning, kept.frames, kept.horizon) == ("words", 4, 3)
    assert [(read.name, read.stopped, read.frozen) for read in kept.reads] == [
        ("z", True, False),
        ("encoder", False, True),
        ("h", False, False),
    ]
