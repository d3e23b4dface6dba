"""`jepa train`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.command import examples, fail, reports_user_errors
from jepa_cli.options import ConfigFile, Overrides

DIVERGED = 1
INTERRUPTED = 130


@reports_user_errors
@examples(
    "jepa train",
    "jepa train --data data/four-rooms --out runs/four-rooms",
    "jepa train --set losses.sigreg=0.05 --set train.steps=5000",
    "jepa train --print-config > my.toml; jepa train --config my.toml",
)
def train(
    config: ConfigFile = None,
    overrides: Overrides = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="grid-rooms, grid-loops, or a folder of episodes. Same as --set data.source=...", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder to create. By default the next free runs/NAME-001.", show_default=False),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Same as --set train.steps=...", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Same as --set train.seed=...", show_default=False)] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or mps. Same as --set train.device=...", show_default=False)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads; by default half of the cores. Same as --set train.threads=...", show_default=False
        ),
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also write TensorBoard events.")] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the resolved TOML and exit; that file reproduces the run.")
    ] = False,
) -> None:
    """Train the world model and leave a run folder: config, metrics, weights, pictures, summary."""
    import json

    from jepa_cli.training_view import TrainingView
    from jepa_world_model.config_file import load_config, to_toml
    from jepa_world_model.run import run_training
    from jepa_world_model.training.divergence import Diverged
    from jepa_world_model.training.runtime import resolve

    shortcuts = {
        "data.source": data,
        "train.steps": steps,
        "train.seed": seed,
        "train.device": device,
        "train.threads": threads,
    }
    given = [f"{key}={json.dumps(value)}" for key, value in shortcuts.items() if value is not None]
    loaded = load_config(config, [*(overrides or []), *given])
    if print_config:
        print(to_toml(resolve(loaded)), end="")
        return
    with TrainingView() as view:
        view.warn(loaded)
        try:
            outcome = run_training(loaded, out, view, tensorboard=tensorboard)
        except Diverged as diverged:
            fail(str(diverged), DIVERGED)
    view.show_outcome(outcome)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
