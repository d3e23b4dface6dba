"""The `jepa` command. Commands import what they need when they run, so that `--help` is instant."""

import sys
from typing import Annotated, Any

import typer

from jepa_cli.terminal import own_packages
from jepa_cli.terminal.command import BAD_INPUT
from jepa_cli.terminal.files import check_current_folder
from jepa_cli.terminal.interruption import BY_CTRL_C, SIGNALLED, interruptible, told
from jepa_cli.terminal.lazy_commands import Declared, LazyGroup
from jepa_cli.terminal.standard_streams import calm_standard_streams, refusal

TRAIN = "train"


class Jepa(LazyGroup):
    """All commands, in the order in which they are listed."""

    declared = {  # noqa: RUF012
        TRAIN: Declared("jepa_cli.commands.train:train", "Train the world model and leave a run folder."),
        "eval": Declared("jepa_cli.commands.eval:evaluate", "Measure what a trained model is good for."),
        "plan": Declared("jepa_cli.commands.plan:plan", "Watch a trained model walk to a goal."),
        "collect": Declared("jepa_cli.commands.collect:collect", "Record trajectories in a Gymnasium environment."),
        "audit-grads": Declared(
            "jepa_cli.commands.audit_grads:audit_grads",
            "Prove which loss updates which module; fail on drift from the documented table.",
        ),
        "render-flow": Declared("jepa_cli.commands.render_flow:render_flow", "Draw the measured gradient flow."),
        "check-weights": Declared(
            "jepa_cli.commands.check_weights:check_weights", "Report what an edit of weights or gates would do."
        ),
        "data": Declared("jepa_cli.commands.data:data", "Show what a data set is, or convert it."),
        "runs": Declared("jepa_cli.commands.runs:runs", "List runs, or compare them."),
    }


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
    cls=Jepa,
    name="jepa",
    help="Train a JEPA world model, and see which loss updates which module.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help would triple the time that --help takes
    pretty_exceptions_enable=False,
)


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
