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
    "jepa train --data data/four-rooms",
)
def collect(
    env: Annotated[str, typer.Option(help="Id of a Gymnasium environment that renders images.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="Folder to create; a folder that is not empty is refused.", show_default=False)
    ],
    episodes: Annotated[int, typer.Option(min=1, help="How many trajectories.")] = 50,
    size: Annotated[int, typer.Option(min=1, help="Frames are resized to SIZE x SIZE pixels.")] = 64,
    max_steps: Annotated[int, typer.Option(min=1, help="Longest trajectory, in steps.")] = 200,
    sticky: Annotated[float, typer.Option(min=0, max=1, help="Probability of repeating the last action.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0, help="Trajectory i is seeded with SEED + i.")] = 0,
    env_arguments: Annotated[
        list[str] | None,
        typer.Option(
            "--env-arg", metavar="NAME=VALUE", help="Argument of the environment; repeatable.", show_default=False
        ),
    ] = None,
) -> None:
    """Record trajectories of a random policy in any Gymnasium environment, as a data set to train on."""
    from audits.errors import UserError
    from jepa_cli.terminal.progress import counted
    from jepa_cli.terminal.safe_text import safe
    from jepa_world_model.data import gym_collect
    from jepa_world_model.toml_values import parse_value

    arguments = {}
    for argument in env_arguments or []:
        name, equals, value = argument.partition("=")
        if not (name and equals):
            raise UserError(f"--env-arg {argument}: expected NAME=VALUE")
        arguments[name] = parse_value(value)
    with counted("collecting", episodes, "trajectories") as progress:
        folder = gym_collect.collect(
            env,
            episodes,
            out,
            size=size,
            max_steps=max_steps,
            seed=seed,
            sticky=sticky,
            env_kwargs=arguments,
            on_episode=lambda index, length: progress(index + 1),
        )
    spec = folder.spec
    print(safe(f"{len(folder)} trajectories, {sum(folder.lengths)} frames of {size}x{size}, in {out}"))
    print(
        f"{spec.action_width} actions ({spec.action_kind})"
        + (f": {', '.join(spec.action_names)}" if spec.action_names else "")
    )
    print(safe(f"next: jepa train --data {out}"))
