"""What a gradient is worth: parts of a batch, all entries, other weights, precisions, hooks on `.grad`, derivatives."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, layer_norm, mse_loss, normalize, relu
from torch.nn.utils.parametrizations import spectral_norm

from audits import Cell, Status, Target, audit
from audits.contract.derivatives import derivative
from audits.gradients import Column, measure
from audits.graph import Graph
from audits.judging import other_weights
from audits.result import Derivative
from audits.sketch import WIDTH, Sketch, Sketches, apart, pattern
from tests.audits.reverse import Reverse

Modules = Mapping[str, nn.Module | nn.Parameter]


def cells(modules: Modules, losses: Callable[..., Any], *batches: Any, **asked: Any) -> dict[str, Cell]:
    """By module: the cell of the one loss."""
    target = Target(dict(modules), lambda *x: {"loss": losses(*x)}, list(batches))
    return {module: cell for (_, module), cell in audit(target, **asked).flows[0].cells.items()}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def zeroed(layer: nn.Linear) -> nn.Linear:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def test_a_zero_on_the_first_rows_is_asked_of_all_rows() -> None:
    encoder, weight = nn.Linear(4, 3), torch.zeros(16)
    weight[13:] = 1
    found = cells(
        {"encoder": encoder},
        lambda batch: (encoder(batch[0]).square().sum(-1) * batch[1]).sum(),
        (torch.randn(16, 4), weight),
    )
    assert found["encoder"].status == Status.LIVE


def test_the_last_rows_of_a_table_count_in_a_loss_whose_value_is_zero() -> None:
    table = nn.Embedding(400, 8)
    found = cells(
        {"table": table},
        lambda rows: ((table(rows) - table(rows).detach()).exp() * torch.linspace(-1, 1, 8)).mean(),
        torch.tensor([390, 395, 399]),
    )
    assert found["table"].status == Status.LIVE


def test_noise_of_full_size_in_the_last_rows_of_a_table_is_noise() -> None:
    table, head = nn.Embedding(400, 64), nn.Linear(3, 1)

    def loss(rows: Tensor) -> Tensor:
        x = table(rows)
        return (x.mean(0) - (x.flip(0).sum(0) / len(x)).detach()).norm() + head(torch.ones(3)).square().sum()

    found = cells({"table": table, "head": head}, loss, torch.tensor([381, 383, 385, 387, 389, 391, 399]))
    assert (found["table"].status, found["head"].status) == (Status.VACUOUS, Status.LIVE)


@pytest.mark.parametrize("trainable", [True, False], ids=["trainable", "frozen"])
def test_what_starts_behind_a_zero_is_idle_if_the_zero_is_trained(trainable: bool) -> None:
    block, head = nn.Linear(4, 4), zeroed(nn.Linear(4, 4)).requires_grad_(trainable)
    found = cells(
        {"block": block, "head": head}, lambda x: (x + head(block(x).tanh())).square().mean(), torch.ones(3, 4)
    )
    assert found["block"].status == (Status.IDLE if trainable else Status.VACUOUS)


def test_a_bare_parameter_that_is_zero_is_a_gate_too() -> None:
    block, alpha = nn.Linear(4, 4), nn.Parameter(torch.zeros(()))
    found = cells({"block": block, "alpha": alpha}, lambda x: (x + alpha * block(x)).square().mean(), torch.ones(3, 4))
    assert (found["block"].status, found["alpha"].status) == (Status.IDLE, Status.LIVE)
    assert not alpha.detach().any()


MARGINS: dict[str, tuple[Callable[[Tensor], Tensor], Status]] = {
    "near enough once weights shrink": (lambda z: relu(0.3 - z.norm(dim=-1)).mean(), Status.IDLE),
    "over budget once weights grow": (lambda z: relu(z.abs().mean() - 5), Status.IDLE),
    "above what can be": (lambda z: relu(z.tanh() - 1.5).mean(), Status.VACUOUS),
    "a cosine with itself": (lambda z: 1 - cosine_similarity(z, 2.5 * z).mean(), Status.VACUOUS),
}


@pytest.mark.parametrize("name", MARGINS)
def test_a_satisfied_hinge_works_at_weights_that_shrink_or_grow_together(name: str) -> None:
    loss, status = MARGINS[name]
    encoder = nn.Linear(4, 6)
    assert cells({"encoder": encoder}, lambda x: loss(encoder(x)), 6 * torch.ones(3, 4))["encoder"].status == status


def test_zeros_of_other_weights_are_filled_and_always_the_same() -> None:
    weight = torch.cat([torch.zeros(2, 3), torch.ones(2, 3)])
    for number in range(other_weights.WEIGHTS):
        one, again = (other_weights.elsewhere(number)(weight) for _ in range(2))
        assert torch.equal(one, again)
        assert one.all()
    assert torch.allclose(other_weights.elsewhere(1)(weight)[2:], torch.full((2, 3), other_weights.FACTORS[1]))


IDENTITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean of normalised": lambda z: layer_norm(z, (5,)).mean(),
    "length of normalised": lambda z: normalize(z, dim=-1).square().sum(-1).mean(),
    "sigmoids": lambda z: (z.sigmoid() + (-z).sigmoid()).mean(),
    "sums in two orders": lambda z: (z.sum(-1) - z.flip(-1).sum(-1)).square().mean(),
}


@pytest.mark.parametrize("name", IDENTITIES)
@pytest.mark.parametrize("scale", [1.0, 1e-200])
def test_identities_of_a_float64_trainer_are_vacuous(name: str, scale: float) -> None:
    encoder = nn.Linear(5, 5).double()
    found = cells(
        {"encoder": encoder}, lambda x: scale * IDENTITIES[name](encoder(x)), torch.randn(4, 5, dtype=torch.float64)
    )
    assert found["encoder"].status == Status.VACUOUS


@pytest.mark.parametrize("scale", [1e-300, 1e-180, 1.0, 1e180])
def test_size_alone_decides_nothing(scale: float) -> None:
    encoder = nn.Linear(5, 5).double()
    found = cells({"encoder": encoder}, lambda x: scale * encoder(x).square().mean(), torch.ones(4, 5).double())
    cell = found["encoder"]
    assert cell.status == Status.LIVE
    assert cell.norm == pytest.approx(scale * 3.0, rel=1.0)


def test_what_half_precision_leaves_of_an_identity_is_noise_also_where_only_a_scaled_loss_shows_it() -> None:
    encoder = nn.Sequential(nn.Linear(5, 5), nn.LayerNorm(5), nn.LayerNorm(5)).half()
    for seed in range(1, 6):
        torch.manual_seed(seed)
        rows = torch.randn(12, 5).half()
        cell = cells({"encoder": encoder}, lambda x: layer_norm(encoder(x), (5,)).mean(), rows)["encoder"]
        assert (cell.norm, cell.status) == (0.0, Status.VACUOUS)


@pytest.mark.parametrize(("scale", "status"), [(1e-9, Status.UNDERFLOW), (1e-9 * 2**20, Status.LIVE)])
def test_what_half_precision_cannot_hold_does_not_pass(scale: float, status: Status) -> None:
    encoder = nn.Linear(4, 4).half()
    cell = cells({"encoder": encoder}, lambda x: encoder(x).float().square().mean() * scale, torch.ones(3, 4).half())
    assert cell["encoder"].status == status
    assert not Status.UNDERFLOW.updates
    assert not Status.UNDERFLOW.decided


def test_rounding_noise_is_not_lost_to_precision() -> None:
    encoder = nn.Linear(5, 5)
    nn.init.eye_(encoder.weight)
    cell = cells({"encoder": encoder}, lambda x: layer_norm(encoder(x), (5,)).mean(), torch.randn(4, 5))["encoder"]
    assert cell.status == Status.VACUOUS


def hooked(hook: Callable[[Tensor], Any]) -> Cell:
    encoder, head = nn.Linear(4, 3), nn.Linear(3, 1)
    for parameter in encoder.parameters():
        parameter.register_post_accumulate_grad_hook(hook)
    return cells({"encoder": encoder, "head": head}, lambda x: head(encoder(x)).mean(), torch.ones(3, 4))["encoder"]


def forget(parameter: Tensor) -> None:
    parameter.grad = None


def step(parameter: Tensor) -> None:
    with torch.no_grad():
        parameter.sub_(0.1 * parameter.grad)  # pyright: ignore[reportOperatorIssue]
    parameter.grad = None


def clip(parameter: Tensor) -> None:
    nn.utils.clip_grad_norm_([parameter], 1e-4)


@pytest.mark.parametrize(("hook", "status"), [(forget, Status.VACUOUS), (step, Status.LIVE), (clip, Status.LIVE)])
def test_a_hook_on_grad_counts_for_what_it_leaves(hook: Callable[[Tensor], None], status: Status) -> None:
    cell = hooked(hook)
    assert cell.status == status
    assert ("forget at " in cell.reason) == (hook is forget)


RATIOS = {1.0: Derivative.REVERSED, -1.0: Derivative.HONEST, 0.0: Derivative.STOPPED, -1e-12: Derivative.ESTIMATED}


@pytest.mark.parametrize("factor", RATIOS)
def test_the_gradient_is_compared_with_the_derivative(factor: float) -> None:
    features, head = nn.Linear(4, 3), nn.Linear(3, 2)
    found = cells(
        {"features": features, "head": head},
        lambda x: cross_entropy(head(Reverse.apply(features(x).tanh(), factor)), torch.tensor([0, 1, 1])),
        torch.randn(3, 4),
    )
    assert found["features"].derivative_ratio == pytest.approx(-factor, rel=1e-4, abs=1e-18)
    assert Derivative.of(found["features"].derivative_ratio) == RATIOS[factor]
    assert ("Reverse.backward at " in found["features"].reason) == (factor != -1.0)
    assert found["head"].derivative_ratio is None


SIGNS = {
    "the absolute value": lambda noise: noise.abs(),
    "one side": relu,
    "a root": lambda noise: noise.square().sqrt(),
    "a maximum": lambda noise: torch.maximum(noise, -noise),
}
"""Of a number that is zero but for rounding."""


@pytest.mark.parametrize("rows", [4, 12])
@pytest.mark.parametrize("kink", SIGNS)
def test_the_sign_of_noise_is_noise(kink: str, rows: int) -> None:
    for seed in range(8):
        torch.manual_seed(seed)
        encoder, head = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8)), nn.Linear(6, 1)

        def loss(x: Tensor, encoder: nn.Module = encoder, head: nn.Module = head) -> Tensor:
            z = encoder(x)
            return SIGNS[kink]((z * 3 / 3).mean() - z.mean().detach()) + head(x).square().mean()

        found = cells({"encoder": encoder, "head": head}, loss, torch.randn(rows, 6))
        assert found["encoder"].status in (Status.VACUOUS, Status.NONFINITE), seed
        assert found["head"].status == Status.LIVE


def test_a_gradient_that_comes_through_a_kink_of_one_number_is_live() -> None:
    encoder, table = nn.Linear(6, 8), nn.Parameter(torch.tensor(0.3))

    def loss(x: Tensor) -> Tensor:
        z = encoder(x)
        rounded = z + (z.round() - z).detach()
        return (rounded.mean() - 0.1).abs() + (table - z.mean().detach()).abs() * relu(z.square().mean())

    found = cells({"encoder": encoder, "table": table}, loss, torch.randn(12, 6))
    assert {cell.status for cell in found.values()} == {Status.LIVE}


def no_grad_target(z: Tensor, encoder: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return encoder(x).tanh()


STOPPED = {
    "detached": lambda z, encoder, x: z.detach(),
    "data": lambda z, encoder, x: z.data.clone(),
    "no_grad": no_grad_target,
}


@pytest.mark.parametrize("target", STOPPED)
@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_a_reversal_is_told_also_beside_a_stop(target: str, factor: float) -> None:
    encoder, head = spectral_norm(nn.Linear(4, 3)), nn.Linear(3, 3)

    def loss(x: Tensor) -> Tensor:
        z = encoder(x).tanh()
        return mse_loss(head(Reverse.apply(z, factor)), STOPPED[target](z, encoder, x))

    cell = cells({"encoder": encoder, "head": head}, loss, torch.randn(3, 4))["encoder"]
    assert Derivative.of(cell.derivative_ratio) == Derivative.ESTIMATED
    assert cell.held_ratio == pytest.approx(-factor, rel=1e-4)
    assert derivative(cell) == ("reversed" if factor == 1.0 else "")
    assert ("beside what is stopped, the gradient is -1 times" in cell.reason) == (factor == 1.0)


def test_an_estimator_is_no_multiple_of_the_derivative() -> None:
    encoder = nn.Linear(4, 3)

    def loss(x: Tensor) -> Tensor:
        z = encoder(x)
        return (z + (z.round() - z).detach()).square().mean()

    found = cells({"encoder": encoder}, loss, torch.randn(3, 4), derivatives=[("loss", "encoder")])
    assert Derivative.of(found["encoder"].derivative_ratio) == Derivative.ESTIMATED
    assert cells({"encoder": encoder}, loss, torch.randn(3, 4))["encoder"].derivative_ratio is None


def sketched(*gradients: Tensor) -> list[Sketch]:
    sketches = Sketches()
    for number, gradient in enumerate(gradients):
        sketches.take(number, gradient)
    sketches.finish()
    return [sketches.of([number]) for number in range(len(gradients))]


def test_a_sketch_tells_lengths_and_slopes_of_the_whole_gradient() -> None:
    gradient, other = torch.randn(50, 70, dtype=torch.float64), torch.randn(50, 70, dtype=torch.float64)
    rows = [sketch.rows[0] for sketch in sketched(gradient, other, gradient + other)]
    along = torch.randn(WIDTH, dtype=torch.float64)
    assert torch.allclose(rows[0] + rows[1], rows[2])
    assert float((gradient * pattern(gradient, along)).sum()) == pytest.approx(float(rows[0] @ along))
    assert sketched(gradient)[0].norm == pytest.approx(float(gradient.norm()))
    assert apart(rows[0], rows[1]) > 0.5
    gradient[49, 69] += 100.0  # the last of all entries
    assert apart(sketched(gradient)[0].rows[0], rows[0]) > 0.5


def test_norms_do_not_overflow() -> None:
    huge = torch.full((3,), 1e200, dtype=torch.float64, requires_grad=True)
    loss = (huge * 1e200).sum() * 1e-200 * 1e180
    losses = {"loss": loss}
    measured = measure(losses, [Column("huge", [huge])], Graph(losses))
    assert measured.norms["loss", "huge"] == pytest.approx(1e180 * 3**0.5)
    assert measured.nonfinite == {}
