"""Routes do not depend on how many rows a batch has, also where a part of it is taken and rounded."""

import torch
from torch import Tensor, nn

from audits import Target, audit


def target(rows: int) -> Target:
    encoder = nn.Linear(3, 2)

    def losses(x: Tensor) -> dict[str, Tensor]:
        z = encoder(x)
        ordered = z.norm(dim=1).sort().values
        trim, half = int(0.25 * rows), rows // 2
        first, second = z[:half], z[half:]
        return {
            "trimmed": ordered[trim : rows - trim].mean(),
            "pairs": (first - second.detach()).square().mean(),
            "next": (z[1:] - z[:-1].detach()).square().mean(),
        }

    return Target({"encoder": encoder}, losses, batches=[torch.randn(rows, 3)])


def test_parts_of_a_batch_are_called_alike_at_every_size() -> None:
    expected, *others = [audit(target(rows)).flows[0].routes for rows in (10, 12, 16, 20, 34)]
    for found in others:
        assert found == expected
    assert len({routes.terms for routes in expected.values()}) == 3
