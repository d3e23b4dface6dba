"""What the fourteen modules promise beyond their shapes."""

import pytest
import torch
from torch import nn

from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import ModelConfig
from jepa_world_model.modules.heads import DeltaProjector, Predictor

NAMES = [
    "encoder",
    "decoder",
    "predictor",
    "h_to_z",
    "z_to_h",
    "h_action_delta_projector",
    "p_action_delta_projector",
    "dp_action_delta_projector",
    "z_action_delta_projector",
    "inverse_dynamics_z",
    "inverse_dynamics_h",
    "inverse_dynamics_p",
    "inverse_dynamics_dp",
    "z_to_p",
]


def model_of(*, channels: int = 3, actions: int = 4, **settings: object) -> WorldModel:
    torch.manual_seed(0)
    config = ModelConfig(**{"image_size": 32, "encoder_widths": (8, 8, 16), "decoder_widths": (8, 8), **settings})
    return WorldModel(config, DataSpec(config.image_size, channels, actions, ActionKind.ONE_HOT))


def test_the_contract_names_the_modules() -> None:
    assert [name for name, _ in model_of().named_children()] == NAMES


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 32, 64])
def test_frames_become_embeddings_become_frames(size: int, channels: int) -> None:
    model = model_of(image_size=size, channels=channels)
    x = torch.rand(2, 3, channels, size, size)
    assert model.encoder(x).shape == (2, 3, 16)
    assert model.decoder(model.encoder(x)).shape == x.shape


def test_embeddings_of_the_first_frames_have_mean_zero_and_variance_one() -> None:
    encoder = model_of().encoder.eval()
    x = 0.5 + 0.1 * torch.rand(8, 8, 3, 32, 32)
    assert encoder(x).flatten(0, 1).std(dim=0).mean() < 0.5
    encoder.standardise(x)
    z = encoder(x).flatten(0, 1)
    assert torch.allclose(z.mean(dim=0), torch.zeros(16), atol=1e-2)
    assert (z.std(dim=0).log().abs() < 0.3).all()


def test_embeddings_tell_apart_where_a_thing_is() -> None:
    """Pooling alone would make a spot in the middle look the same everywhere."""
    encoder = model_of().encoder.eval()
    images = torch.zeros(1, 2, 3, 32, 32)
    images[0, 0, :, 12:14, 12:14] = 1.0
    images[0, 1, :, 20:22, 20:22] = 1.0
    here, there = encoder(images)[0]
    assert (here - there).abs().max() > 1e-3
    encoder.coordinates.zero_()
    here, there = encoder(images)[0]
    assert torch.allclose(here, there)


@pytest.mark.parametrize(("spectral", "bounded"), [(True, True), (False, False)])
def test_spectral_norm_bounds_each_linear_layer_of_the_predictor(spectral: bool, bounded: bool) -> None:
    torch.manual_seed(0)
    predictor = Predictor((8, 8, 2), 32, 8, spectral=spectral)
    with torch.no_grad():
        for name, parameter in predictor.named_parameters():
            if "weight" in name:
                parameter.mul_(20)
    for _ in range(30):
        predictor(torch.randn(2, 8), torch.randn(2, 8), torch.randn(2, 2))
    gains = [torch.linalg.matrix_norm(layer.weight, 2) for layer in predictor.layers if isinstance(layer, nn.Linear)]
    assert len(gains) == 2
    assert all(gain < 1.05 for gain in gains) == bounded


def test_hidden_states_keep_their_scale() -> None:
    model = model_of()
    for scale in (0.01, 100.0):
        h = model.z_to_h(scale * torch.randn(5, 16))
        assert torch.allclose(h.std(dim=-1, correction=0), torch.ones(5), atol=0.05)


def test_an_action_of_length_one_is_heard_beside_z_and_h() -> None:
    torch.manual_seed(0)
    predictor = Predictor((256, 256, 4), 512, 256, spectral=True)
    z, h = torch.randn(1, 256), torch.randn(1, 256)
    outcomes = torch.cat([predictor(z, h, action) for action in torch.eye(4).unsqueeze(1)])
    assert outcomes.std(dim=0).mean() > 0.2


@pytest.mark.parametrize(("normalise", "same"), [(True, True), (False, False)])
def test_increments_do_not_grow_with_the_states_they_come_from(normalise: bool, same: bool) -> None:
    torch.manual_seed(0)
    projector = DeltaProjector((8, 8), 2, 16, 8, normalise=normalise)
    p, h, a = torch.randn(3, 8), torch.randn(3, 8), torch.randn(3, 2)
    near, far = projector(p, h, a), projector(1000 * p, h, a)
    assert torch.allclose(near, far, atol=1e-4) == same


def test_a_projector_hears_an_action_of_width_one() -> None:
    """LayerNorm on it would always give zero."""
    projector = DeltaProjector((), 1, 16, 8, normalise=True)
    assert not torch.allclose(projector(torch.tensor([[0.5]])), projector(torch.tensor([[-0.5]])))


def test_increments_start_small() -> None:
    torch.manual_seed(0)
    model = model_of(h_dim=256)
    increment = model.p_action_delta_projector(torch.zeros(9, 256), torch.randn(9, 256), torch.eye(4)[[0] * 9])
    assert 0.01 < increment.norm(dim=-1).mean() < 1.0
