"""Rules about the weights as numbers, and about losses that repeat each other."""

import math
from collections.abc import Iterator

from jepa_world_model.losses import LOSSES
from jepa_world_model.rules.rule import Check, Found, Level, listed, rule, weight_keys

EXTREME = 1e4
ALL_OFF = [f"losses.{loss}=0" for loss in LOSSES]
SAME_TARGET = (
    ("frames", ("recon_multi_box", "recon", "recon_patch", "recon_multi_gauss", "recon_hard")),
    ("changes between frames", ("pixel_delta_multi_box", "pixel_delta")),
    ("imagined frames", ("rollout_recon_z", "rollout_recon_multi_box_z")),
    ("changes between imagined frames", ("rollout_recon_delta_z", "rollout_recon_multi_box_delta_z")),
)
"""Losses that compare the same, in words, each set with another measure of error."""


@rule(
    Level.ERROR,
    why="A negative weight makes training increase the loss without bound.",
    remedy="Give it a positive weight, or 0 to switch it off.",
    triggers=["losses.h2z=-1"],
    passes=["losses.h2z=0"],
)
def negative_weight(check: Check) -> Iterator[Found]:
    """A weight is negative."""
    wrong = [loss for loss, weight in check.settings.weights.items() if weight < 0]
    if wrong:
        values = listed([f"{loss} = {check.settings.weights[loss]:g}" for loss in wrong])
        yield Found(f"negative: {values}", tuple(wrong), weight_keys(wrong))


@rule(
    Level.ERROR,
    why="One weight that is NaN or infinite makes the sum of all losses so, and with it every gradient.",
    remedy="Give it a number.",
    triggers=["losses.h2z=nan"],
    passes=["losses.h2z=1e3"],
)
def weight_not_finite(check: Check) -> Iterator[Found]:
    """A weight is NaN or infinite."""
    wrong = [loss for loss, weight in check.settings.weights.items() if not math.isfinite(weight)]
    if wrong:
        values = listed([f"{loss} = {check.settings.weights[loss]:g}" for loss in wrong])
        yield Found(f"not a number: {values}", tuple(wrong), weight_keys(wrong))


@rule(
    Level.ERROR,
    why="With every weight at zero there is nothing to train.",
    remedy="Give at least one loss a positive weight.",
    triggers=ALL_OFF,
    passes=[*ALL_OFF, "losses.recon=1"],
)
def nothing_enabled(check: Check) -> Iterator[Found]:
    """Every weight is zero."""
    if not check.enabled:
        yield Found("every weight is zero", (), ("losses",))


@rule(
    Level.WARNING,
    why="A loss that weighs ten thousand times less than another is as good as off, and its module may train on noise.",
    remedy="Bring the weights nearer to each other, or switch the small one off.",
    triggers=["losses.jepa=1e5"],
    passes=["losses.jepa=1e2"],
)
def extreme_ratio(check: Check) -> Iterator[Found]:
    """The largest weight is more than 10,000 times the smallest."""
    weights = {loss: w for loss, w in check.settings.weights.items() if w > 0 and math.isfinite(w)}
    if not weights:
        return
    least, most = min(weights, key=weights.__getitem__), max(weights, key=weights.__getitem__)
    if weights[most] > EXTREME * weights[least]:
        ratio = weights[most] / weights[least]
        message = f"{most} = {weights[most]:g} is {ratio:,.0f} times {least} = {weights[least]:g}"
        yield Found(message, (most, least), weight_keys((most, least)))


@rule(
    Level.WARNING,
    why="Losses that compare the same images with different measures of error add up: the images count twice against "
    "everything else, and no weight says so.",
    remedy="Keep one of them, or lower the weights so that their sum is what you intend.",
    triggers=["losses.recon=1"],
    passes=["losses.recon=1", "losses.recon_multi_box=0", "losses.recon_hard=0"],
)
def same_target_twice(check: Check) -> Iterator[Found]:
    """Several losses compare the same images."""
    for what, losses in SAME_TARGET:
        enabled = [loss for loss in losses if loss in check.enabled]
        if len(enabled) > 1:
            every = "both" if len(enabled) == 2 else "all"
            yield Found(f"{listed(enabled)} {every} compare {what}", tuple(enabled), weight_keys(enabled))


@rule(
    Level.INFO,
    why="h2z compares h_to_z(h_t) with z_t at every t, jepa the same from the second frame on: together they weigh the "
    "prediction twice, and only the first frame differs.",
    remedy="Nothing, if that is intended; else switch h2z off.",
    triggers=[],
    passes=["losses.h2z=0"],
)
def h2z_beside_jepa(check: Check) -> Iterator[Found]:
    """h2z repeats jepa but for the first frame."""
    pair = ("jepa", "h2z")
    if all(loss in check.enabled for loss in pair):
        yield Found("jepa and h2z compare the same but for the first frame", pair, weight_keys(pair))
