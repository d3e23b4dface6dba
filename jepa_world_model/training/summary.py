"""The summary of a run as text."""

from typing import TYPE_CHECKING

from jepa_world_model.vitals import VITALS

if TYPE_CHECKING:
    from jepa_world_model.training.outcome import Outcome
    from jepa_world_model.training.trainer import Trainer
    from jepa_world_model.training.validation import Validation

FOLDER = "RUN"
SETTLED = 500
"""Steps after which the running statistics of batch norm have followed the modules."""
LAG = (
    "Held-out losses use the running statistics of batch norm, which lag behind while weights change fast: early in a "
    "run they can be many times those of training. After some hundred steps they are comparable."
)


def changes(outcome: "Outcome") -> list[tuple[str, float, float]]:
    """Each enabled loss on held-out trajectories: name, before training, after."""
    first, last = _ends(outcome)
    return [(name, first.losses[name], last.losses[name]) for name in first.losses]


def vitals(outcome: "Outcome") -> list[tuple[str, float, float]]:
    """Each vital: name, when it was first measured, after training. It is measured once its module is being trained."""
    _, last = _ends(outcome)
    by_step = [outcome.validations[step] for step in sorted(outcome.validations)]
    first = {name: next(each.vitals[name] for each in by_step if name in each.vitals) for name in last.vitals}
    return [(name, first[name], value) for name, value in last.vitals.items()]


def _ends(outcome: "Outcome") -> "tuple[Validation, Validation]":
    return outcome.validations[min(outcome.validations)], outcome.validations[max(outcome.validations)]


def verdict(before: float, after: float) -> str:
    """`fell 12.3 x`, `rose 1.2 x`, or that neither is worth a word."""
    if after == before:
        return "unchanged"
    if not (before and after):
        return "rose from 0" if after else "fell to 0"
    times = f"{max(before / after, after / before):.3g}"
    if times == "1":
        return "about the same"
    return f"{'fell' if after < before else 'rose'} {times} x"


def describe(trainer: "Trainer", outcome: "Outcome") -> str:
    """The summary as Markdown. It holds no times: the same run gives the same text."""
    config, train = trainer.config, trainer.config.train
    left_out = [name for name, _ in trainer.model.named_children() if name not in trainer.trained_modules]
    gates = {"detach_z_from_h_and_p": train.detach_z_from_h_and_p, "detach_decoder": train.detach_decoder}
    gates["pose_delta_detach_h"] = config.model.pose_delta_detach_h
    rows = [
        f"| {name} | {before:.4g} | {after:.4g} | {verdict(before, after)} |"
        for name, before, after in changes(outcome)
    ]
    how = "interrupted" if outcome.interrupted else "finished"
    lines = [
        f"# {config.data.source}: {how} after {outcome.steps} of {train.steps} steps",
        "",
        f"- {train.batch_size} windows of {train.sequence_length} frames a step, on {train.device} ({train.precision}, "
        f"{train.threads} thread{'s' * (train.threads != 1)})",
        f"- {trainer.parameter_count:,} parameters trained in {', '.join(trainer.trained_modules)}",
        f"- not reached by any enabled loss, and left out: {', '.join(left_out) or 'none'}",
        f"- actions: {trainer.model.told(trainer.source.spec.action_names)}",
        f"- gates: {', '.join(f'{name} = {str(closed).lower()}' for name, closed in gates.items())}",
        *([f"- least weighted sum: {outcome.best[0]:.4g}, after {outcome.best[1]} steps"] if outcome.best else []),
        "",
        *(["## Alarms", "", *(f"- {alarm}" for alarm in outcome.alarms), ""] if outcome.alarms else []),
        "## Losses on held-out trajectories"
        if config.data.validation_fraction
        else "## Losses on training trajectories",
        "",
        "| loss | before training | after | |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        *([LAG, ""] if outcome.steps < SETTLED else []),
        "## Vitals",
        "",
        "| | at first | after |",
        "| --- | --- | --- |",
        *(
            f"| {name}: {VITALS[name].meaning} | {before:.4g} | {after:.4g} |"
            for name, before, after in vitals(outcome)
        ),
        "",
        "## Pictures",
        "",
        *(f"![{name}](pictures/{name}.png)\n" for name in ("reconstructions", "imagination", "losses")),
        f"To go on with it: `jepa train --resume {FOLDER}`."
        if outcome.interrupted
        else f"To repeat it: `jepa train --config {FOLDER}/config.toml --out ELSEWHERE`.",
    ]
    return "\n".join(lines) + "\n"
