"""What a run did, for people."""

from typing import TYPE_CHECKING

from jepa_world_model.model_config import Config

if TYPE_CHECKING:
    from jepa_world_model.training.trainer import Outcome, Trainer


def changes(outcome: "Outcome") -> list[tuple[str, float, float]]:
    """Each enabled loss on held-out trajectories: name, before training, after."""
    first, last = outcome.validations[0], outcome.validations[max(outcome.validations)]
    return [(name, first[name], last[name]) for name in first]


def verdict(before: float, after: float) -> str:
    """`fell 12.3 x`, or `rose 1.2 x`."""
    if after == before:
        return "unchanged"
    if after < before:
        return f"fell {before / after:.3g} x" if after else "fell to 0"
    return f"rose {after / before:.3g} x" if before else "rose from 0"


def describe(config: Config, trainer: "Trainer", outcome: "Outcome") -> str:
    """The summary as Markdown."""
    train = config.train
    parameters = sum(parameter.numel() for parameter in trainer.parameters)
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
        f"- {outcome.seconds:.0f} s on {train.device} ({train.precision}, {train.threads} threads), "
        f"{outcome.steps / outcome.seconds if outcome.seconds else 0:.2f} steps/s, "
        f"{train.batch_size} windows of {train.sequence_length} frames a step",
        f"- {parameters:,} parameters trained in {', '.join(trainer.trained_modules)}",
        f"- not reached by any enabled loss, and left out: {', '.join(left_out) or 'none'}",
        f"- gates: {', '.join(f'{name} = {str(closed).lower()}' for name, closed in gates.items())}",
        "",
        "## Losses on held-out trajectories"
        if config.data.validation_fraction
        else "## Losses on training trajectories",
        "",
        "| loss | before training | after | |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        "## Pictures",
        "",
        *(f"![{name}](pictures/{name}.png)\n" for name in ("reconstructions", "imagination", "losses")),
        "To repeat this run: `jepa train --config config.toml --out ELSEWHERE`.",
    ]
    return "\n".join(lines) + "\n"
