"""Rules about losses that need something: a long window, a deep rollout, another loss."""

from collections.abc import Iterator

from jepa_world_model.losses import LOSSES
from jepa_world_model.phases import perception_losses, why_not_separate
from jepa_world_model.rules.rule import Check, Found, Level, listed, rule, weight_keys

WINDOW, HORIZON = "train.sequence_length", "train.rollout_horizon"
PERCEPTION_WINDOW = "train.perception_sequence_length"
POSE = ("action_delta_dp", "additivity_dp", "rollout_kstep_p", "scale_dp", "geometry_rank_p")
APART = {"anchor_dp", "inverse_dynamics_dp", "inverse_dynamics_p"}
"""Losses that keep the increments of different actions apart."""


@rule(
    Level.ERROR,
    why="An imagined h after one step is the teacher-forced h, so rollouts of h begin at two steps and those of poses "
    "at three. With a shallower rollout the loss has no terms.",
    remedy="Deepen the rollout (train.rollout_horizon), or switch the loss off.",
    triggers=["train.rollout_horizon=1"],
    passes=["train.rollout_horizon=3"],
)
def rollout_too_shallow(check: Check) -> Iterator[Found]:
    """A loss needs a deeper rollout."""
    horizon = check.settings.values[HORIZON]
    short = [loss for loss in check.enabled if LOSSES[loss].horizon > horizon]
    if short:
        needs = listed([f"{loss} (needs {LOSSES[loss].horizon})" for loss in short])
        message = f"a rollout of {horizon} {'step' if horizon == 1 else 'steps'} is too shallow for {needs}"
        yield Found(message, tuple(short), (HORIZON, *weight_keys(short)))


@rule(
    Level.ERROR,
    why="A loss that compares several frames has no terms in a shorter window.",
    remedy="Lengthen the windows (train.sequence_length, in the phase of perception train.perception_sequence_length), "
    "or switch the loss off.",
    triggers=["train.sequence_length=3", "train.rollout_horizon=2", "losses.rollout_kstep_p=0.5"],
    passes=["train.sequence_length=4"],
)
def window_too_short(check: Check) -> Iterator[Found]:
    """A loss needs a longer window."""
    values = check.settings.values
    parted = values["train.perception_share"] and not why_not_separate(check.routing, check.enabled)
    seeing = perception_losses(check.routing, check.enabled) if parted else []
    others = [loss for loss in check.enabled if loss not in seeing]
    for key, losses in ((WINDOW, others), (PERCEPTION_WINDOW, seeing)):
        short = [loss for loss in losses if LOSSES[loss].frames > values[key]]
        if short:
            needs = listed([f"{loss} (needs {LOSSES[loss].frames})" for loss in short])
            frames = "1 frame" if values[key] == 1 else f"{values[key]} frames"
            message = f"windows of {frames} are too short for {needs}"
            yield Found(message, tuple(short), (key, *weight_keys(short)))


@rule(
    Level.ERROR,
    why="A rollout of K steps ends K frames after its start, which must lie in the window.",
    remedy="Lengthen the windows (train.sequence_length) or shorten the rollout (train.rollout_horizon).",
    triggers=["train.rollout_horizon=8"],
    passes=["train.rollout_horizon=7"],
)
def rollout_longer_than_window(check: Check) -> Iterator[Found]:
    """The rollout is as long as the window, or longer."""
    window, horizon = check.settings.values[WINDOW], check.settings.values[HORIZON]
    if horizon >= window:
        message = f"a rollout of {horizon} steps needs windows of {horizon + 1} frames, found {window}"
        yield Found(message, (), (HORIZON, WINDOW))


@rule(
    Level.WARNING,
    why="action_delta_dp and action_delta_q train increments and prototypes towards each other. Without a loss that "
    "sets their scale both can shrink to zero, where they agree perfectly.",
    remedy="Give scale_dp (for q scale_q) a weight, or switch the loss off.",
    triggers=["losses.action_delta_dp=1", "losses.scale_dp=0"],
    passes=["losses.action_delta_dp=1", "losses.scale_dp=0.01"],
)
def prototype_without_scale(check: Check) -> Iterator[Found]:
    """Nothing keeps the pose increments from collapsing to zero."""
    for loss, scale, what in (("action_delta_dp", "scale_dp", "Δp"), ("action_delta_q", "scale_q", "q")):
        if loss in check.enabled and scale not in check.enabled:
            yield Found(f"{loss} has no scale anchor: {what} can collapse to zero", (loss,), weight_keys((scale, loss)))


@rule(
    Level.INFO,
    why="A pose that drifts in one direction, whatever the action, satisfies all losses of p that the preset reference "
    "enables (measured in docs/log.md). Only a loss that compares it with places, or reads the action back from it, "
    "keeps the increments of different actions apart.",
    remedy="For planning with p, enable anchor_dp with the losses of q, or inverse_dynamics_dp.",
    triggers=["losses.anchor_dp=0"],
    passes=["losses.inverse_dynamics_dp=1"],
)
def pose_may_drift(check: Check) -> Iterator[Found]:
    """Nothing asks that different actions move the pose differently."""
    enabled = [loss for loss in POSE if loss in check.enabled]
    if enabled and not APART & set(check.enabled):
        message = "no loss asks that different actions move the pose differently"
        yield Found(message, ("p_action_delta_projector",), weight_keys(("anchor_dp", "inverse_dynamics_dp")))


@rule(
    Level.ERROR,
    why="In two phases the second one has z of each frame instead of the frame, and the encoder rests. A loss that "
    "would still train encoder or decoder there, or that is needed in both phases, cannot be placed.",
    remedy="Train all losses together (train.perception_share = 0), or close the gate train.detach_z_from_h_and_p and "
    "switch such losses off.",
    triggers=["train.perception_share=0.5", "train.detach_z_from_h_and_p=false"],
    passes=["train.perception_share=0", "train.detach_z_from_h_and_p=false"],
)
def phases_not_separate(check: Check) -> Iterator[Found]:
    """Perception cannot be trained before the other losses."""
    share = check.settings.values["train.perception_share"]
    reason = why_not_separate(check.routing, check.enabled) if share else ""
    if reason:
        yield Found(f"train.perception_share = {share:g}: {reason}", (), ("train.perception_share",))
