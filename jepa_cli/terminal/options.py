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
AnyScript = Annotated[
    Path | None,
    typer.Option(
        "--script", metavar="FILE", help="Any training script, as it is: no line to write.", show_default=False
    ),
]
AnyModule = Annotated[
    str | None,
    typer.Option("--module", metavar="PACKAGE.MODULE", help="The same, run as python -m runs it.", show_default=False),
]
ScriptModules = Annotated[
    list[str] | None,
    typer.Option(
        "--modules",
        metavar="DEPTH|PATTERN",
        help="Columns of a script's table: how far below its outermost modules, or names such as 'model.*'.",
        show_default=False,
    ),
]
ScriptSteps = Annotated[
    int | None,
    typer.Option("--steps", help="Whole rounds of a script's optimizers to watch. By default one.", show_default=False),
]
ScriptArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- ARGUMENTS]", help="What --script is given.", show_default=False),
]
