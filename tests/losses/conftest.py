"""A tiny world model in float64, random batches, and what the gradient of a loss reaches."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from jepa_world_model.data.spec import ActionKind, DataSpec
from jepa_world_model.losses import LOSSES
from jepa_world_model.model import WorldModel
from jepa_world_model.model_config import ModelConfig
from jepa_world_model.states import Gates, States
from tests.spec.specified import MODULES, SPECIFIED

SPEC = {"modules": MODULES, "settings": SPECIFIED}
CONFIG = ModelConfig(
    image_size=32, encoder_widths=(4, 8, 8, 16), decoder_widths=(4, 8, 8, 8), h_dim=12, pose_dim=10, hidden_width=16
)
DATA = DataSpec(image_size=32, channels=3, action_width=4, action_kind=ActionKind.ONE_HOT)
NOISE = 1e-10  # float64 leaves 1e-16 of an identity; what a loss really compares is far above
STRIDE_OF_POSE = 4.0  # an untrained pose hardly moves; now some hinges are satisfied and some are not


@pytest.fixture(scope="session")
def spec() -> dict:
    """Which modules each loss updates, at each gate setting."""
    return SPEC


@pytest.fixture(scope="session")
def model() -> WorldModel:
    """A world model whose parameters are all generic: no bias is zero, no LayerNorm is the identity."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = WorldModel(CONFIG, DATA).double().eval()
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        model.p_action_delta_projector.head.layers[-1].weight.mul_(STRIDE_OF_POSE)
    return model


@pytest.fixture(scope="session")
def make_batch() -> Callable[..., tuple[Tensor, Tensor]]:
    """(seed, frames, batch) to noisy frames [B, T, 3, 32, 32] with a bright dot each, one-hot actions with NOOPs."""

    def make(seed: int = 0, frames: int = 6, batch: int = 2) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        x = 0.3 * torch.rand(batch, frames, 3, 32, 32, generator=random, dtype=torch.float64)
        for index in range(batch * frames):
            row, column = torch.randint(0, 29, (2,), generator=random).tolist()
            x.flatten(0, 1)[index, :, row : row + 3, column : column + 3] = 1.0
        choices = torch.randint(0, 5, (batch, frames), generator=random)
        choices[:, 1::3] = 4  # NOOP: a row of zeros
        return x, torch.eye(5, 4, dtype=torch.float64)[choices]

    return make


@pytest.fixture(scope="session")
def make_states(model: WorldModel, make_batch: Callable[..., tuple[Tensor, Tensor]]) -> Callable[..., States]:
    """(gates, horizon, seed, frames, batch) to the states of the package."""

    def make(gates: Gates | None = None, horizon: int = 4, **size: int) -> States:
        return States(model, *make_batch(**size), gates=gates or Gates(), horizon=horizon)

    return make


@pytest.fixture(scope="session")
def gradient(model: WorldModel) -> Callable[[Tensor], dict[str, Tensor]]:
    """A scalar to its gradient with respect to every parameter; zeros where there is no path."""

    def of(value: Tensor) -> dict[str, Tensor]:
        names, parameters = zip(*model.named_parameters(), strict=True)
        if not value.requires_grad:
            return dict(zip(names, map(torch.zeros_like, parameters), strict=True))
        found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        return dict(zip(names, found, strict=True))

    return of


@pytest.fixture(scope="session")
def updated(gradient: Callable[[Tensor], dict[str, Tensor]]) -> Callable[[Tensor], set[str]]:
    """A scalar to the modules that it really updates: neither it nor the gradient may be rounding noise or NaN."""

    def by(value: Tensor) -> set[str]:
        if not value.isfinite() or value.abs() < NOISE:
            return set()
        sizes = {name: slope.abs().max() for name, slope in gradient(value).items()}
        assert all(size.isfinite() for size in sizes.values()), "a finite loss has a gradient that is not finite"
        return {name.partition(".")[0] for name, size in sizes.items() if size > NOISE}

    return by


@pytest.fixture
def clean_losses() -> Iterator[None]:
    """Losses that a test declares are forgotten after it."""
    before = dict(LOSSES)
    yield
    LOSSES.clear()
    LOSSES.update(before)
