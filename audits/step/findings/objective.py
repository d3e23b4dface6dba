"""Whether what goes backward is what the trainer says that it trains."""

from __future__ import annotations

from collections.abc import Iterable

from audits.remark import Remark
from audits.step.findings.declaration import finding
from audits.step.seen import SeenSteps

ALIKE = 0.01


@finding("loss left out")
def _left_out(seen: SeenSteps) -> Iterable[Remark]:
    """A loss that the step returns, and that is in nothing that goes backward."""
    declared = [name for name in {**seen.weights, **dict.fromkeys(seen.losses)} if seen.weights.get(name, 1.0)]
    for name in declared:
        nodes = [nodes[name] for nodes in seen.rounds if nodes.get(name) is not None]
        if nodes and not any(node in backward.weights for node in nodes for backward in seen.backwards):
            text = f"{name} is computed and returned, but it is in nothing that goes backward"
            yield Remark("loss left out", text, (name,))


@finding("other weight")
def _other_weight(seen: SeenSteps) -> Iterable[Remark]:
    """Losses that an optimizer steps by in another ratio than the trainer states."""
    for name, weights in summed_weights(seen).items():
        stated = {loss: weight for loss, weight in weights.items() if weight and seen.weights.get(loss)}
        if len(stated) < 2 or not any(loss in seen.weights for loss in weights):
            continue
        ratios = {loss: weight / seen.weights[loss] for loss, weight in stated.items()}
        usual = sorted(ratios.values())[(len(ratios) - 1) // 2]
        wrong = {loss: ratio / usual for loss, ratio in ratios.items() if abs(ratio / usual - 1) > ALIKE}
        if wrong:
            loss, ratio = max(wrong.items(), key=lambda item: abs(item[1] - 1))
            twice = ", as if it was added twice" if abs(ratio - 2) < ALIKE else ""
            rest = ", ".join(each for each in ratios if each not in wrong)
            text = f"in the step of {name}, {loss} has {ratio:.3g} times its stated weight beside {rest}{twice}"
            yield Remark("other weight", text, tuple(wrong))


def summed_weights(seen: SeenSteps) -> dict[str, dict[str, float | None]]:
    """By optimizer: each loss that its first step took, with its weight in the sum of all backward calls."""
    found: dict[str, dict[str, float | None]] = {}
    for step in seen.steps:
        name = seen.name(step.optimizer)
        if name in found or step.skipped:
            continue
        backwards = {backward for held in step.held.values() for backward in held.of}
        total = found.setdefault(name, {})
        for backward in sorted(backwards, key=lambda each: each.number):
            for loss, weight in backward.names.items():
                before = total.get(loss, 0.0)
                total[loss] = None if weight is None or before is None else before + weight
    return found
