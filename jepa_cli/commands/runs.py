"""`jepa runs`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from jepa_cli.runs.choices import COMPARE_FORMATS, FORMATS, ORDERS
from jepa_cli.terminal.command import Command, CommandGroup, examples, reports_user_errors
from jepa_cli.terminal.completion import one_of

LIST = "list"


class ListByDefault(CommandGroup):
    """`jepa runs FOLDER --format json` is short for `jepa runs list FOLDER --format json`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands
        return super().parse_args(ctx, args if named or "--help" in args else [LIST, *args])

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "[FOLDER] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "compare RUN RUN... [OPTIONS]", prefix="       ")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Those of the list, and the commands."""
        self.commands[LIST].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@reports_user_errors
@examples(
    "jepa runs",
    "jepa runs /shared/runs --sort loss",
    "jepa runs --format csv > runs.csv",
    "jepa runs compare runs/a runs/b",
)
def list_runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="A folder of run folders, or one run folder.")
    ] = Path("runs"),
    format: Annotated[str, one_of(FORMATS, help="Format of the report.")] = "rich",
    sort: Annotated[
        str,
        one_of(ORDERS, help="By name, by time (newest first), or by weighted sum (lowest first)."),
    ] = "name",
) -> None:
    """List the runs of a folder: state, losses and changed settings."""
    from jepa_cli.runs.listing import ListRequest, run_list

    run_list(ListRequest(folder, format, sort))


@reports_user_errors
@examples(
    "jepa runs compare runs/grid-rooms-001 runs/grid-rooms-002",
    "jepa runs compare runs/a runs/b runs/c --out curves.svg",
    "jepa runs compare runs/a runs/b --format json",
)
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders, two or more.")],
    out: Annotated[
        Path, typer.Option(metavar="PNG|SVG|PDF", help="Picture to write, in the format of its suffix.")
    ] = Path("runs-compare.png"),
    format: Annotated[str, one_of(COMPARE_FORMATS, help="Format of the report.")] = "rich",
) -> None:
    """Compare runs: settings that differ, losses, vitals and evaluated figures in columns, a picture of curves."""
    from jepa_cli.runs.compare import CompareRequest, run_compare

    run_compare(CompareRequest(runs, out, format))


runs = typer.Typer(
    cls=ListByDefault,
    add_completion=False,
    rich_markup_mode=None,
    help="List the runs of a folder: state, losses and changed settings. Or compare some of them.",
)
runs.command(LIST, cls=Command, short_help="List the runs of a folder; the default.")(list_runs)
runs.command(cls=Command, short_help="Compare runs, with a picture.")(compare)
