"""Gradients of named losses, measured in the graph that a trainer is about to send backward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from audits.target import Named, parameters_of
from audits.telemetry.sample import Pair, Sample

Gradients = Sequence[Tensor | None]


def measured(
    step: int,
    losses: Mapping[str, Tensor],
    columns: Mapping[str, Named],
    weights: Mapping[str, float] | None = None,
    *,
    conflicts: bool = True,
) -> Sample:
    """Backpropagate each loss alone to the parameters, and keep the graph. No `.grad` is written.

    Args:
        step: Number of the step.
        losses: By name, each a tensor of one element, before it goes backward.
        columns: What the modules are called.
        weights: The weight of each loss in what is trained; 1 where there is none.
        conflicts: Whether cosines are measured. For them the gradients of all losses are in memory at once.
    """
    weights = weights or {}
    own = {name: [each for each in parameters_of(value) if each.requires_grad] for name, value in columns.items()}
    parameters = list({id(each): each for members in own.values() for each in members}.values())
    place = {id(each): at for at, each in enumerate(parameters)}
    members = {name: [place[id(each)] for each in found] for name, found in own.items()}
    live = {name: loss for name, loss in losses.items() if isinstance(loss, Tensor) and loss.requires_grad}
    kept: dict[str, Gradients] = {}
    squares: dict[str, Tensor] = {}
    paths: dict[str, list[bool]] = {}
    for name, loss in live.items() if parameters else ():
        found = _gradients(loss, parameters)
        squares[name], paths[name] = _squares(found), [each is not None for each in found]
        if conflicts:
            kept[name] = found
    told = dict(zip(squares, torch.stack(list(squares.values())).cpu(), strict=True)) if squares else {}
    norms = {
        (loss, module): float(told[loss][at].sum().sqrt())
        for loss in told
        for module, at in members.items()
        if any(paths[loss][number] for number in at)
    }
    cosines = _cosines(kept, members, norms, weights) if conflicts else {}
    return Sample(step, norms, _shares(norms, weights), cosines)


def present(step: int, name: str, columns: Mapping[str, Named]) -> Sample:
    """The norms of the gradients that parameters have now, as of one loss."""
    norms = {}
    for module, value in columns.items():
        found = [each.grad for each in parameters_of(value) if each.grad is not None]
        if found:
            dense = [each.to_dense() if each.is_sparse else each for each in found]
            norms[name, module] = float(_squares(dense).sum().sqrt())
    return Sample(step, norms, dict.fromkeys(norms, 1.0))


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> Gradients:
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return [each.to_dense() if each is not None and each.is_sparse else each for each in found]


def _squares(gradients: Gradients) -> Tensor:
    """Of each gradient the square of its norm, all on one device, in float64; 0 where there is none."""
    here = [each.detach() for each in gradients if each is not None]
    device = here[0].device if here else torch.device("cpu")
    wide = [each.float() if each.dtype.itemsize < 4 else each for each in here]
    norms = iter(torch._foreach_norm(wide) if wide else ())  # pyright: ignore[reportPrivateImportUsage]
    zero = torch.zeros((), dtype=torch.float64, device=device)
    return torch.stack([next(norms).double().to(device).square() if each is not None else zero for each in gradients])


def _shares(norms: Mapping[Pair, float], weights: Mapping[str, float]) -> dict[Pair, float]:
    weighted = {pair: norm * abs(weights.get(pair[0], 1.0)) for pair, norm in norms.items()}
    totals: dict[str, float] = {}
    for (_, module), norm in weighted.items():
        totals[module] = totals.get(module, 0.0) + norm
    return {pair: norm / totals[pair[1]] for pair, norm in weighted.items() if totals[pair[1]]}


def _cosines(
    kept: Mapping[str, Gradients],
    members: Mapping[str, Sequence[int]],
    norms: Mapping[Pair, float],
    weights: Mapping[str, float],
) -> dict[str, dict[Pair, float]]:
    """By module: for each pair of losses that both reach it."""
    asked: list[tuple[str, Pair, Tensor]] = []
    for module, at in members.items():
        reaching = [loss for loss in kept if norms.get((loss, module))]
        for one, other in combinations(reaching, 2):
            products = [
                torch.dot(a.detach().flatten().float(), b.detach().flatten().float())
                for number in at
                if (a := kept[one][number]) is not None and (b := kept[other][number]) is not None
            ]
            if products:
                asked.append((module, (one, other), torch.stack(products).double().sum()))
    values = torch.stack([product for _, _, product in asked]).tolist() if asked else []
    found: dict[str, dict[Pair, float]] = {}
    for (module, pair, _), value in zip(asked, values, strict=True):
        one, other = pair
        sign = 1.0 if weights.get(one, 1.0) * weights.get(other, 1.0) >= 0 else -1.0
        found.setdefault(module, {})[pair] = sign * value / (norms[one, module] * norms[other, module])
    return found
