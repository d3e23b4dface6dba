"""`jepa plan`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.terminal.command import examples, gives_no_verdict_on_a_bug, reports_user_errors
from jepa_cli.terminal.completion import offers
from jepa_cli.terminal.loading import loading
from jepa_cli.terminal.names import walkers


@reports_user_errors
@gives_no_verdict_on_a_bug
@examples(
    "jepa plan runs/grid-rooms-001",
    "jepa plan runs/grid-rooms-001 --goal 3:40 --out walk.gif",
    "jepa plan runs/grid-rooms-001 --goal photo.png --moves 60",
    "jepa plan runs/grid-rooms-001 --planner cem-z",
)
def plan(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, trained on an embedded world.")],
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE|EPISODE:FRAME", help="A picture, or a frame of a held-out episode; else a random one."
        ),
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="search-p, search-q, search-z, a-star-p, cem-z, mppi-z; else the one that reached most goals in "
            "jepa eval.",
            autocompletion=offers(walkers),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the start, of a random goal, and of the held-out episodes.")] = 0,
    moves: Annotated[int, typer.Option(help="Moves at most.")] = 40,
    out: Annotated[Path, typer.Option(metavar="GIF", help="Film of the walk to write.")] = Path("plan.gif"),
) -> None:
    """Watch a trained model walk to a goal in the real environment: what it sees, what it imagined, and its pose.

    Exit code 1: the goal was not reached.
    """
    with loading():
        from jepa_cli.plan.run import PlanRequest, run_plan

    if not run_plan(PlanRequest(run, goal, planner, seed, moves, out)):
        raise typer.Exit(1)
