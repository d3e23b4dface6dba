"""Rules that need gradients: they find nothing unless an audit was made."""

from collections.abc import Iterator

from jepa_world_model.rules.rule import Check, Found, Level, listed, rule, weight_keys

OPPOSED = -0.1
"""Cosine above which two losses are not said to pull a module apart."""
DOMINANT = 0.95


@rule(
    Level.WARNING,
    why="Two losses whose gradients point away from each other on every batch undo each other's steps: what the module "
    "becomes is decided by their weights, not by either of them.",
    remedy="Lower one of the two, stop its gradient on the way to the module, or accept it with a reason.",
    triggers=["losses.still_dp=1", "losses.geometry_rank_p=1"],
    passes=["losses.sigreg=1"],
    measured=True,
)
def losses_pull_apart(check: Check) -> Iterator[Found]:
    """Two losses pull a module apart."""
    if check.measurement is None:
        return
    for pair in check.measurement.opposed:
        if pair.high < OPPOSED:
            where = f"cosine {pair.mean:.2f}, 95 % interval {pair.low:.2f} to {pair.high:.2f}"
            over = f"over {check.measurement.batches} batches"
            message = f"{listed(pair.losses)} pull {pair.module} apart: {where} {over}"
            yield Found(message, (pair.module, *pair.losses), weight_keys(pair.losses))


@rule(
    Level.WARNING,
    why="There is a path from the loss to the module, but the gradient on it is zero or rounding noise: the loss is "
    "computed at its full cost and changes nothing there.",
    remedy="Look at the loss at these settings (jepa audit-grads --explain LOSS:MODULE), or switch it off.",
    triggers=["model.h_dim=1"],
    passes=["model.h_dim=16"],
    measured=True,
)
def vacuous_loss(check: Check) -> Iterator[Found]:
    """A loss does not move a module that it is connected to."""
    if check.measurement is None:
        return
    for loss in check.enabled:
        modules = [module for of, module in check.measurement.vacuous if of == loss]
        if modules:
            yield Found(f"{loss} does not move {listed(modules)}", (loss, *modules), weight_keys((loss,)))


@rule(
    Level.INFO,
    why="Where one loss holds nearly all of a module's gradient, the others that update it hardly count.",
    remedy="Nothing, if that is intended; else change the weights.",
    triggers=["losses.geometry_rank_p=100"],
    passes=["losses.geometry_rank_p=2"],
    measured=True,
)
def one_loss_dominates(check: Check) -> Iterator[Found]:
    """One loss holds 95 % or more of the gradient of a module that several update."""
    if check.measurement is None:
        return
    for module, shares in check.measurement.shares.items():
        loss = max(shares, key=shares.__getitem__, default=None)
        if loss is not None and len(shares) > 1 and shares[loss] >= DOMINANT:
            others = [each for each in shares if each != loss]
            message = f"{loss}: {shares[loss]:.0%} of {module}, next to {listed(others)}".replace("%", " %")
            yield Found(message, (loss, module), weight_keys((loss, *others)))
