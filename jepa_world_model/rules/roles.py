"""Rules that keep z a place, h the dynamics and p the pose."""

import re
from collections.abc import Iterator

from jepa_world_model.record import record
from jepa_world_model.rules.rule import Check, Found, Level, listed, rule, weight_keys

Z_ACTION_LOSS = re.compile(r"action_delta_z|inverse_dynamics_z|rollout_\w+_z")


@rule(
    Level.WARNING,
    why="z is a place descriptor: it must come back when the agent comes back. A loss that makes z follow from actions "
    "trains it to compose under them instead, and loop closures drift apart.",
    remedy="Evaluate loop closure again with these weights, or switch the loss off.",
    triggers=["losses.action_delta_z=0.1"],
    passes=["losses.action_delta_h=2"],
)
def z_action_loss(check: Check) -> Iterator[Found]:
    """A loss makes z composable under actions."""
    found = [loss for loss in check.enabled if Z_ACTION_LOSS.fullmatch(loss)]
    if found:
        message = f"{listed(found)} {'makes' if len(found) == 1 else 'make'} z compose under actions"
        yield Found(message, tuple(found), weight_keys(found))


@rule(
    Level.WARNING,
    why="With this gate open, losses of h and p reach the encoder through the predictor: z is shaped by what is easy "
    "to predict, and no longer by what a place looks like alone.",
    remedy="Close the gate (train.detach_z_from_h_and_p = true), or accept it with a reason.",
    triggers=["train.detach_z_from_h_and_p=false"],
    passes=["train.detach_decoder=true", "losses.sigreg=1"],
)
def encoder_shaped_by_dynamics(check: Check) -> Iterator[Found]:
    """Losses of h and p reach the encoder."""
    yield from _through(check, "detach_z_from_h_and_p", "the encoder is shaped by what is easy to predict")


@rule(
    Level.WARNING,
    why="With this gate open, losses of p shape the dynamics: h is trained to make poses easy, and planning with p "
    "changes what h predicts.",
    remedy="Close the gate (model.pose_delta_detach_h = true), or accept it with a reason.",
    triggers=["model.pose_delta_detach_h=false"],
    passes=["losses.scale_dp=3"],
)
def dynamics_shaped_by_pose(check: Check) -> Iterator[Found]:
    """Losses of p shape h."""
    yield from _through(check, "pose_delta_detach_h", "the dynamics are shaped by what makes poses easy")


def _through(check: Check, gate: str, what: str) -> Iterator[Found]:
    """The updates that an open gate lets pass."""
    if check.settings.gates[gate]:
        return
    key = (record().gates[gate],)
    reached = {
        loss: modules
        for loss in check.enabled
        if (modules := [m for m in check.routing.updates[loss] if m not in check.closed[gate].updates[loss]])
    }
    if reached:
        modules = dict.fromkeys(module for found in reached.values() for module in found)
        losses = {module: [loss for loss, found in reached.items() if module in found] for module in modules}
        facts = tuple(f"{module} is updated by {listed(by)} too" for module, by in losses.items())
        count = f"{len(reached)} {'loss passes' if len(reached) == 1 else 'losses pass'} the open gate"
        yield Found(f"{what}: {count}", tuple(reached), key, facts)
    else:
        yield Found("the gate is open, and no enabled loss passes it", (), key)
