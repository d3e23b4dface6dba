"""Rules about modules that would not learn."""

from collections.abc import Iterator

from jepa_world_model.record import record
from jepa_world_model.rules.rule import Check, Found, Level, listed, rule

NAMED = 3
"""Losses that are named before they are counted."""


@rule(
    Level.ERROR,
    why="With detach_decoder the encoder gets no gradient from reconstruction. Where nothing else trains it, z stays "
    "what it was when it was drawn, and all that is built on it is built on noise.",
    remedy="Open the gate (train.detach_decoder = false), or enable a loss that trains the encoder, such as sigreg.",
    triggers=["train.detach_decoder=true"],
    passes=["train.detach_decoder=true", "losses.sigreg=0.05"],
)
def encoder_never_learns(check: Check) -> Iterator[Found]:
    """detach_decoder is on, and no other loss trains the encoder."""
    if check.settings.gates["detach_decoder"] and check.using("encoder") and not check.updating("encoder"):
        yield Found("no enabled loss updates the encoder", ("encoder",), (record().gates["detach_decoder"],))


@rule(
    Level.WARNING,
    why="A module that losses are computed from and that none of them updates stays as it was drawn: they learn to "
    "live with noise.",
    remedy="Enable a loss that updates it, or switch off those that use it.",
    triggers=["losses.z2h=0"],
    passes=["losses.inverse_dynamics_h=0"],
)
def untrained_module(check: Check) -> Iterator[Found]:
    """A module is used and never updated."""
    for module in record().modules:
        using = check.using(module)
        is_told = module == "encoder" and check.settings.gates["detach_decoder"]
        if using and not check.updating(module) and not is_told:
            by = listed(using) if len(using) <= NAMED else f"{len(using)} losses"
            missing = tuple(f"losses.{loss}" for loss, modules in check.routing.updates.items() if module in modules)
            yield Found(f"{module} is used by {by} and updated by none", (module,), missing)
