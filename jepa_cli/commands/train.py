"""`jepa train`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.terminal import names
from jepa_cli.terminal.command import examples, exit_codes, fail, reports_user_errors
from jepa_cli.terminal.completion import offers
from jepa_cli.terminal.interruption import SIGNALLED
from jepa_cli.terminal.loading import loading
from jepa_cli.terminal.options import ConfigFile, Overrides


@reports_user_errors
@exit_codes(
    {
        "0": "finished",
        "1": "stopped by NaN, or by a gradient audit that found drift",
        "2": "bad input, or a file that could not be read or written",
        "130, 143, 138, 129": "stopped by SIGINT, SIGTERM, SIGUSR1 or SIGHUP, and saved",
    }
)
@examples(
    "jepa train",
    "jepa train --data data/four-rooms --out runs/four-rooms",
    "jepa train --set losses.sigreg=0.05 --set train.steps=5000",
    "jepa train --print-config > my.toml; jepa train --config my.toml",
    "jepa train --resume runs/grid-rooms-001",
    "jepa train --init runs/grid-rooms-001 --freeze encoder --freeze decoder",
    "jepa train --log wandb --log tensorboard",
    "torchrun --nproc-per-node 2 -m jepa_cli train",
)
def train(
    config: ConfigFile = None,
    overrides: Overrides = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="grid-rooms, grid-loops, or a data set in any known format. Same as --set data.source=...",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder to create. By default the next free runs/NAME-001.", show_default=False),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Resume a stopped run; it ends as if it had not been stopped.", show_default=False
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Start from the weights of a run, with its model sizes. Same as --set train.init=...",
            show_default=False,
        ),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Leave a module as it is. Repeatable.", show_default=False),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Same as --set train.steps=...", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Same as --set train.seed=...", show_default=False)] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="auto, cpu, cuda or mps. Same as --set train.device=...",
            show_default=False,
            autocompletion=offers(names.devices),
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads; by default half of the cores. Same as --set train.threads=...", show_default=False
        ),
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE",
            help="Also log to tensorboard, wandb or mlflow. Repeatable.",
            show_default=False,
            autocompletion=offers(names.services),
        ),
    ] = None,
    audit_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Audit the gradients before the first and after every N steps; stop on drift.",
            show_default=False,
        ),
    ] = None,
    strict_data: Annotated[
        bool,
        typer.Option("--strict-data", help="Refuse data that there are warnings of. Same as --set data.strict=true"),
    ] = False,
    gradients_every: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Measure the gradient of each loss by module after every N steps, for gradients.jsonl and --log.",
            show_default=False,
        ),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the resolved TOML and exit; that file reproduces the run.")
    ] = False,
) -> None:
    """Train the world model and leave a run folder: config, metrics, weights, checkpoints, pictures, summary."""
    import json

    with loading():
        from jepa_cli.train.run import STOPPED, TrainRequest, run_train
        from jepa_world_model.config_file import to_toml
        from jepa_world_model.training.divergence import Diverged
        from jepa_world_model.training.observer import StopTraining
        from jepa_world_model.training.runtime import resolve

    shortcuts = {
        "data.source": data,
        "train.steps": steps,
        "train.seed": seed,
        "train.device": device,
        "train.threads": threads,
        "train.init": str(init) if init else None,
        "train.freeze": freeze or None,
        "data.strict": strict_data or None,
    }
    given = [f"{key}={json.dumps(value)}" for key, value in shortcuts.items() if value is not None]
    request = TrainRequest(
        config, [*(overrides or []), *given], out, resume, log or [], audit_every, gradients_every=gradients_every
    )
    if print_config:
        print(to_toml(resolve(request.loaded())), end="")
        return
    try:
        outcome = run_train(request)
    except (Diverged, StopTraining) as stopped:
        fail(str(stopped), STOPPED)
    if outcome.signal:
        raise typer.Exit(SIGNALLED + outcome.signal)
