"""What the fourteen modules promise beyond their shapes."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import ModelConfig
from jepa_world_model.modules.heads import DeltaProjector, Predictor
from jepa_world_model.modules.patches import from_patches, to_patches

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


@pytest.mark.parametrize(("size", "patch", "widths"), [(32, 8, (16,)), (64, 8, (8, 16)), (64, 4, (8, 8, 8, 8, 8, 16))])
def test_frames_as_patches_become_embeddings_become_frames(size: int, patch: int, widths: tuple[int, ...]) -> None:
    """However many layers: a grid of one place is not halved further."""
    model = model_of(image_size=size, encoder_patch_size=patch, decoder_patch_size=2 * patch, encoder_widths=widths)
    x = torch.rand(2, 3, 3, size, size)
    assert model.encoder(x).shape == (2, 3, 16)
    assert model.decoder(model.encoder(x)).shape == x.shape


def test_a_patch_is_one_vector_and_becomes_the_patch_again() -> None:
    images = torch.rand(2, 3, 12, 8)
    grid = to_patches(images, 4)
    assert grid.shape == (2, 48, 3, 2)
    assert sorted(grid[1, :, 2, 0].tolist()) == sorted(images[1, :, 8:12, 0:4].flatten().tolist())
    assert torch.equal(from_patches(grid, 4), images)


def test_each_patch_is_drawn_by_its_own_place_in_the_grid() -> None:
    decoder = model_of(decoder_patch_size=8).decoder
    grid = torch.zeros(1, 8, 4, 4)
    blank = from_patches(decoder.layers(grid), 8)
    grid[0, :, 1, 2] = 1.0
    changed = (from_patches(decoder.layers(grid), 8) != blank).any(dim=1)[0]
    assert changed[8:16, 16:24].any()
    changed[8:16, 16:24] = False
    assert not changed.any()


@pytest.mark.parametrize(("size", "patch", "multiple"), [(60, 8, 16), (48, 16, 32), (36, 6, 24)])
@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_an_image_is_of_whole_patches(side: str, size: int, patch: int, multiple: int) -> None:
    with pytest.raises(ValidationError, match=f"image_size {size} is not a multiple of {multiple}; use "):
        ModelConfig(image_size=size, encoder_widths=(4, 4), decoder_widths=(4, 4), **{f"{side}_patch_size": patch})


def test_embeddings_of_the_first_frames_have_mean_zero_and_variance_one() -> None:
    encoder = model_of().encoder.eval()
    x = 0.5 + 0.1 * torch.rand(8, 8, 3, 32, 32)
    assert encoder(x).flatten(0, 1).std(dim=0).mean() < 0.5
    encoder.standardise(x)
    z = encoder(x).flatten(0, 1)
    assert torch.allclose(z.mean(dim=0), torch.zeros(16), atol=1e-2)
    assert (z.std(dim=0).log().abs() < 0.3).all()


@pytest.mark.parametrize(("patch", "widths"), [(1, (8, 8, 16)), (4, (8, 16))])
def test_embeddings_tell_apart_where_a_thing_is(patch: int, widths: tuple[int, ...]) -> None:
    """Pooling alone would make a spot in the middle look the same everywhere."""
    encoder = model_of(image_size=64, encoder_patch_size=patch, encoder_widths=widths).encoder.eval()
    images = torch.zeros(1, 2, 3, 64, 64)
    images[0, 0, :, 20:22, 20:22] = 1.0
    images[0, 1, :, 36:38, 36:38] = 1.0
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
