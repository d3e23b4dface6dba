"""`jepa collect`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.terminal.command import examples, reports_user_errors


@reports_user_errors
@examples(
    "jepa collect --env MiniGrid-FourRooms-v0 --episodes 50 --out data/four-rooms",
    "jepa collect --env ALE/MsPacman-v5 --out data/pacman --max-steps 300 --sticky 0.9",
    "jepa collect --env CarRacing-v3 --env-arg continuous=false --out data/cars",
    "jepa collect --env grid-rooms --policy runs/grid-rooms-001 --out data/walks",
    "jepa collect --env CartPole-v1 --policy my_agent:act --out data/poles",
    "jepa train --data data/four-rooms",
)
def collect(
    env: Annotated[
        str,
        typer.Option(
            help="Id of a Gymnasium environment that renders images, or an embedded world.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to create; a folder that is not empty is refused.", show_default=False)
    ],
    policy: Annotated[
        str,
        typer.Option(
            metavar="random|RUN|PACKAGE.MODULE:FUNCTION", help="Any action, a trained run, or a function of yours."
        ),
    ] = "random",
    episodes: Annotated[int, typer.Option(min=1, help="How many trajectories.")] = 50,
    size: Annotated[int, typer.Option(min=1, help="Frames are resized to SIZE x SIZE pixels.")] = 64,
    max_steps: Annotated[int, typer.Option(min=1, help="Longest trajectory, in steps.")] = 200,
    sticky: Annotated[float, typer.Option(min=0, max=1, help="Probability that random repeats its last action.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Trajectory i is seeded with SEED + i.")] = 0,
    env_arguments: Annotated[
        list[str] | None,
        typer.Option(
            "--env-arg", metavar="NAME=VALUE", help="Argument of the environment; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Record trajectories in an embedded world or any Gymnasium environment, as a data set to train on.

    A trained run as policy walks to random goals, which are frames that it held out. A function gets the
    observation of the environment, of an embedded world the frame, and returns an action.
    """
    from jepa_cli.collect.run import CollectRequest, run_collect

    run_collect(CollectRequest(env, policy, out, episodes, size, max_steps, sticky, seed, env_arguments or ()))
