"""SIGReg is small for an isotropic standard Gaussian, large for anything else, and pushes towards it."""

from collections.abc import Callable, Iterator
from math import pi, sqrt

import pytest
import torch
from torch import Tensor

from jepa_world_model.losses.isotropy import epps_pulley

NUMBER, WIDTH = 512, 8
# N * integral of |phi_N - phi|^2 phi dt: the variance of phi_N, (1 - exp(-t^2)) / N, for Gaussian samples
FOR_GAUSSIAN = sqrt(2 * pi) - sqrt(2 * pi / 3)
# (1 - exp(-t^2 / 2))^2 for samples that are all zero, divided by N
FOR_ZEROS = sqrt(2 * pi) - 2 * sqrt(pi) + sqrt(2 * pi / 3)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def gaussian(number: int = NUMBER, width: int = WIDTH) -> Tensor:
    return torch.randn(number, width, dtype=torch.float64)


def on_one_line(samples: Tensor) -> Tensor:
    return samples[:, :1].expand(samples.shape)


def alternating(samples: Tensor) -> Tensor:
    """Every coordinate has mean 0 and variance 1, and they are independent: only the shape is wrong."""
    return samples.sign()


NOT_GAUSSIAN: dict[str, Callable[[Tensor], Tensor]] = {
    "collapsed to zero": torch.zeros_like,
    "collapsed to a point": torch.ones_like,
    "shifted": lambda samples: samples + 0.5,
    "narrow": lambda samples: 0.5 * samples,
    "wide": lambda samples: 2 * samples,
    "one direction lost": lambda samples: samples * (torch.arange(WIDTH) > 0),
    "correlated": on_one_line,
    "from 0 to 1": lambda samples: torch.rand_like(samples),
}


@pytest.mark.parametrize("number", [32, 512])
def test_gaussian_samples_score_what_theory_says(number: int) -> None:
    scores = torch.stack([epps_pulley(gaussian(number)) for _ in range(20)])
    assert float(scores.mean()) == pytest.approx(FOR_GAUSSIAN, rel=0.05)


def test_collapsed_samples_score_what_theory_says() -> None:
    assert float(epps_pulley(torch.zeros(NUMBER, WIDTH))) == pytest.approx(NUMBER * FOR_ZEROS, rel=1e-3)


@pytest.mark.parametrize("change", NOT_GAUSSIAN.values(), ids=NOT_GAUSSIAN)
def test_other_samples_score_high(change: Callable[[Tensor], Tensor]) -> None:
    assert epps_pulley(change(gaussian())) > 2 * FOR_GAUSSIAN


@pytest.mark.slow
@pytest.mark.parametrize("shape", [alternating, lambda samples: (torch.rand_like(samples) - 0.5) * sqrt(12)])
def test_the_shape_counts_and_not_only_mean_and_variance(shape: Callable[[Tensor], Tensor]) -> None:
    assert epps_pulley(shape(gaussian(4096, width=1))) > 4 * FOR_GAUSSIAN


def test_the_order_of_samples_does_not_count() -> None:
    samples, scores = gaussian(), []
    for ordered in (samples, samples.flip(0)):
        torch.manual_seed(1)
        scores.append(epps_pulley(ordered))
    assert torch.allclose(*scores)


def test_directions_are_drawn_anew() -> None:
    samples = gaussian()
    assert epps_pulley(samples) != epps_pulley(samples)


def test_gradient_pulls_collapsed_samples_apart_and_back_to_the_middle() -> None:
    start = 0.1 * gaussian(64) + 0.3
    samples = start.clone().requires_grad_()
    for _ in range(30):
        (slope,) = torch.autograd.grad(epps_pulley(samples), samples)
        samples = (samples - 0.5 * slope).detach().requires_grad_()
    assert samples.std(0).mean() > 3 * start.std(0).mean()
    assert samples.mean(0).norm() < 0.5 * start.mean(0).norm()


def test_gradient_pulls_wide_samples_together() -> None:
    samples = (2 * gaussian(64)).requires_grad_()
    (slope,) = torch.autograd.grad(epps_pulley(samples), samples)
    assert (slope * samples).sum() > 0
