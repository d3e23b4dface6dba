"""`jepa eval`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.eval.choices import FORMATS
from jepa_cli.terminal.command import examples, reports_user_errors
from jepa_cli.terminal.completion import offers, one_of
from jepa_cli.terminal.loading import loading
from jepa_cli.terminal.names import ablated
from jepa_cli.terminal.names import planners as planner_names


@reports_user_errors
@examples(
    "jepa eval runs/grid-rooms-001",
    "jepa eval runs/grid-rooms-001 --episodes 150 --tasks 50",
    "jepa eval runs/grid-rooms-001 --format html",
    "jepa eval runs/grid-rooms-001 --planners search-z,cem-z,oracle",
    "jepa eval runs/grid-rooms-001 --data grid-loops --format json > figures.json",
    "jepa eval runs/grid-rooms-001 --ablate loop_q,anchor_dp --ablate-steps 2000",
)
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="Other data than what the run held out: an embedded world, or a folder."),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Held-out episodes, at most.")] = 60,
    seed: Annotated[int, typer.Option(help="Of fresh episodes of an embedded world, and of goals.")] = 0,
    tasks: Annotated[int, typer.Option(help="Goals to reach for each range of distances.")] = 20,
    planners: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="search-z, search-q, search-p, a-star-p, cem-z, mppi-z, random, oracle; else all but cem-z and mppi-z "
            "that the model allows.",
            autocompletion=offers(planner_names),
        ),
    ] = None,
    ablate: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Train the config of the run anew without a loss, or with a gate flipped, and say what that costs: "
            "losses, gates, or all for each enabled loss.",
            autocompletion=offers(ablated),
        ),
    ] = None,
    ablate_steps: Annotated[int, typer.Option(help="Steps of each such training.")] = 1500,
    ablate_seeds: Annotated[int, typer.Option(help="Trainings of each, by which intervals are told.")] = 3,
    format: Annotated[str, one_of(FORMATS, help="How to report.")] = "rich",
) -> None:
    """Measure what a trained model is good for: places, dynamics, poses, and goals reached in the real environment.

    Everything that a figure depends on is printed with it. All of it is kept in RUN/evaluation.json. The
    format html writes a report with pictures, RUN/evaluation.html.

    --ablate trains instead: the unchanged config and one config for each name, at a small budget. It takes minutes.
    Every training is kept in RUN/ablation.json, so that a command which is repeated goes on where it was stopped.
    """
    with loading():
        from jepa_cli.eval.run import EvalRequest, run_eval

    request = EvalRequest(run, data, episodes, seed, tasks, planners, format)
    if ablate is None:
        run_eval(request)
    else:
        from jepa_cli.eval.ablation import AblationRequest, run_ablation

        run_ablation(AblationRequest(request, ablate, ablate_steps, ablate_seeds))
