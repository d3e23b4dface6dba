"""`jepa render-flow`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.render.choices import SUFFIXES, VIEWS
from jepa_cli.terminal import names
from jepa_cli.terminal.command import examples, reports_user_errors
from jepa_cli.terminal.completion import offers, one_of
from jepa_cli.terminal.options import (
    AnotherTrainer,
    AnyModule,
    AnyScript,
    Checkpoint,
    ConfigFile,
    Overrides,
    ScriptArguments,
    ScriptModules,
    ScriptSteps,
)


@reports_user_errors
@examples(
    "jepa render-flow",
    "jepa render-flow --format text",
    "jepa render-flow --losses jepa",
    "jepa render-flow --out flow.html",
    "jepa render-flow --set train.detach_z_from_h_and_p=false --compare default",
    "jepa render-flow --view matrix --losses all --out matrix.png",
    "jepa render-flow --target my_trainer:audit_target --against FLOW.md",
    "jepa render-flow --script train.py --format text -- --lr 1e-3",
)
def render_flow(
    arguments: ScriptArguments = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write, in the format of its suffix; - is standard output. By default gradient-flow.svg; "
            "dot, mermaid and text go to standard output.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[str | None, one_of(tuple(SUFFIXES), help="By default svg.", show_default=False)] = None,
    losses: Annotated[
        list[str] | None,
        typer.Option(
            metavar="enabled|all|NAME",
            help="Which losses; repeatable. By default those that are enabled.",
            show_default=False,
            autocompletion=offers(names.losses, for_target=["all"]),
        ),
    ] = None,
    gates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="default|all|GATE=VALUE",
            help="Which gate setting; GATE=VALUE is repeatable. By default that of the config. An html page has all.",
            show_default=False,
            autocompletion=offers(names.gates, for_target=["default", "all"]),
        ),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    checkpoint: Checkpoint = None,
    target: AnotherTrainer = None,
    script: AnyScript = None,
    module: AnyModule = None,
    modules: ScriptModules = None,
    steps: ScriptSteps = None,
    view: Annotated[
        str | None,
        one_of(
            VIEWS,
            help="The whole flow, one loss in detail, or a heat map of losses x modules.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="default|TABLE",
            help="Mark where a documented table differs; default is that of jepa audit-grads.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="default|FILE|GATE=VALUE",
            help="Show what this config adds to and removes from another one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draw the measured gradient flow: what each loss updates, and where its gradient ends.

    Data runs along the arrows; gradient flows back along them, with a colour for each family of losses.
    """
    from jepa_cli.render.request import RenderRequest
    from jepa_cli.render.run import run_render
    from jepa_cli.targets.script import script_options
    from jepa_cli.targets.subject import SubjectOptions

    run_render(
        RenderRequest(
            subject=SubjectOptions(
                config,
                overrides or [],
                checkpoint,
                target,
                script_options(script, module, arguments, steps, modules, losses),
            ),
            out=out,
            format=format,
            losses=losses or [],
            gates=gates or [],
            view=view,
            against=against,
            compare=compare,
        )
    )
