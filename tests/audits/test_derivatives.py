"""Gradients of many modules are compared with the derivative together; one that is another shows all the same."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from audits import Cell, Target, audit
from audits.judging.derivative import Direction, Point
from audits.result import Derivative
from tests.audits.reverse import Reverse

DEPTH = 9
Changed = dict[int, float]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many parameters moved, each time that a loss was compared with its gradient."""
    found: list[int] = []
    real = Point.changes

    def seen(self: Point, losses: Any, direction: Direction) -> Any:
        found.append(len(direction.numbers))
        return real(self, losses, direction)

    monkeypatch.setattr(Point, "changes", seen)
    return found


def measured(factors: Changed, sizes: Changed | None = None) -> dict[str, Cell]:
    """Cells of a loss at the end of a row of layers, all of which a custom Function lies above. The weights of some
    have another factor of the gradient, some are of another size."""
    torch.manual_seed(0)
    layers = [nn.Linear(8, 8) for _ in range(DEPTH)]
    for number, size in (sizes or {}).items():
        nn.init.normal_(layers[number].weight, std=size)

    def losses(x: Tensor) -> dict[str, Tensor]:
        for number, layer in enumerate(layers):
            weight = Reverse.apply(layer.weight, -factors.get(number, 1.0))
            x = x + (x @ weight.T + layer.bias).tanh()
        return {"loss": Reverse.apply(mse_loss(x, torch.ones_like(x)), -1.0)}

    modules = {f"layer {number}": layer for number, layer in enumerate(layers)}
    found = audit(Target(modules, losses, [torch.randn(4, 8)])).flows[0]
    return {module: cell for (_, module), cell in found.cells.items()}


def others(cells: dict[str, Cell]) -> set[int]:
    return {
        number
        for number, cell in enumerate(cells.values())
        if Derivative.of(cell.derivative_ratio) is not Derivative.HONEST
    }


def test_all_that_are_equal_are_found_in_two_comparisons(asked: list[int]) -> None:
    cells = measured({})
    assert [cell.derivative_ratio for cell in cells.values()] == [pytest.approx(1.0, abs=1e-3)] * DEPTH
    assert asked[0] == asked[1] >= 2 * DEPTH
    assert len(asked) == 2


def test_a_module_of_little_weight_is_asked_like_all_others(asked: list[int]) -> None:
    assert not others(measured({}, {4: 1e-3}))
    assert len(asked) == 2


@pytest.mark.parametrize("factor", [-1.0, 0.9, 1.03, 0.0])
@pytest.mark.parametrize("at", [0, 4, DEPTH - 1])
def test_one_that_is_another_shows(at: int, factor: float, asked: list[int]) -> None:
    cells = measured({at: factor})
    assert others(cells) == {at}
    assert len(asked) > 2


def test_one_that_is_another_shows_beside_modules_of_much_more_weight() -> None:
    assert others(measured({4: -1.0}, {0: 3.0, 8: 3.0, 4: 1e-3})) == {4}


def test_two_that_are_others_show() -> None:
    assert others(measured({2: 2.0, 7: -2.0})) == {2, 7}
