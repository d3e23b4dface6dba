"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.terminal.completion import offers
from jepa_cli.terminal.names import settings

ConfigFile = Annotated[
    Path | None,
    typer.Option(help="TOML file with the tables losses, train, model, data and alarms.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="TABLE.KEY=VALUE",
        help="Change one setting; repeatable.",
        show_default=False,
        autocompletion=offers(settings),
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="A run folder: use its weights and its data.", show_default=False),
]
AnotherTrainer = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="PACKAGE.MODULE:FUNCTION",
        help="Another trainer: a function that returns an audits.Target.",
        show_default=False,
    ),
]
