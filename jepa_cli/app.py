"""The `jepa` command. Commands import what they need when they run, so that `--help` is instant."""

import sys
from functools import partial
from typing import Annotated, Any

import typer

from jepa_cli.commands.audit_grads import audit_grads
from jepa_cli.commands.check_weights import check_weights
from jepa_cli.commands.collect import collect
from jepa_cli.commands.data import data
from jepa_cli.commands.eval import evaluate
from jepa_cli.commands.plan import plan
from jepa_cli.commands.render_flow import render_flow
from jepa_cli.commands.runs import runs
from jepa_cli.commands.train import train
from jepa_cli.terminal import own_packages
from jepa_cli.terminal.command import BAD_INPUT, Command, CommandGroup
from jepa_cli.terminal.files import check_current_folder
from jepa_cli.terminal.interruption import BY_CTRL_C, SIGNALLED, interruptible, told
from jepa_cli.terminal.standard_streams import calm_standard_streams, refusal

TRAIN = "train"


class App(typer.Typer):
    """Called, it is the whole process: what it prints to may break without breaking it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outlet, code = calm_standard_streams(), None
        with interruptible() as heard:
            try:
                code = super().__call__(*args, **kwargs)
            except SystemExit as end:
                code = end.code
            except BaseException:
                if not heard:
                    raise
                code = BY_CTRL_C
        if heard and code == BY_CTRL_C:
            print(f"Error: {told(heard[0])}", file=sys.stderr)
            code = SIGNALLED + heard[0]
        refused = refusal(outlet)
        if refused:
            print(f"Error: {refused}", file=sys.stderr)
        if refused and not code and sys.argv[1:2] != [TRAIN]:  # a report is lost, but a run is in its folder
            code = BAD_INPUT
        sys.exit(code)


app = App(
    cls=CommandGroup,
    name="jepa",
    help="Train a JEPA world model, and see which loss updates which module.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help would triple the time that --help takes
    pretty_exceptions_enable=False,
)
command = partial(app.command, cls=Command)
command(short_help="Train the world model and leave a run folder.")(train)
command("eval", short_help="Measure what a trained model is good for.")(evaluate)
command(short_help="Watch a trained model walk to a goal.")(plan)
command(short_help="Record trajectories in a Gymnasium environment.")(collect)
command(short_help="Prove which loss updates which module; fail on drift from the documented table.")(audit_grads)
command(short_help="Draw the measured gradient flow.")(render_flow)
command(short_help="Report what an edit of weights or gates would do.")(check_weights)
app.add_typer(data, name="data", short_help="Show what a data set is, or convert it.")
app.add_typer(runs, name="runs", short_help="List runs, or compare them.")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"jepa {version('jepa-cli')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    own_packages.claim()
    check_current_folder()
