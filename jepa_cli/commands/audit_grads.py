"""`jepa audit-grads`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.audit.choices import REPORTS
from jepa_cli.terminal import names
from jepa_cli.terminal.command import examples, gives_no_verdict_on_a_bug, reports_user_errors
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

DRIFT = 1


@reports_user_errors
@gives_no_verdict_on_a_bug
@examples(
    "jepa audit-grads",
    "jepa audit-grads --gates detach_decoder=True --explain recon:encoder",
    "jepa audit-grads --config my.toml --losses enabled",
    "jepa audit-grads --format sarif --output audit.sarif",
    "jepa audit-grads --target my_trainer:audit_target --table FLOW.md --update",
    "jepa audit-grads --script train.py",
    "jepa audit-grads --script train.py --table FLOW.md -- --epochs 3 --lr 1e-3",
    "jepa audit-grads --module package.train --modules 'model.*' --steps 2",
)
def audit_grads(
    arguments: ScriptArguments = None,
    table: Annotated[
        Path | None,
        typer.Option(
            help="Markdown file with the documented flow. By default docs/gradient_flow.md, here or in the package.",
            show_default=False,
        ),
    ] = None,
    losses: Annotated[
        list[str] | None,
        typer.Option(
            metavar="enabled|all|NAME",
            help="Which losses; repeatable. By default all. NAME=FILE:LINE names a loss of a script.",
            show_default=False,
            autocompletion=offers(names.losses, for_target=["all"]),
        ),
    ] = None,
    gates: Annotated[
        list[str] | None,
        typer.Option(
            metavar="default|all|GATE=VALUE",
            help="Which gate settings; GATE=VALUE is repeatable. By default all, or those of --config.",
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
    proof: Annotated[
        bool,
        typer.Option(
            "--proof", help="Run a script again in float64 and at other weights, to decide what one run cannot."
        ),
    ] = False,
    explain: Annotated[
        str | None,
        typer.Option(metavar="LOSS:MODULE", help="Explain one cell: paths, cuts, parameters.", show_default=False),
    ] = None,
    strength: Annotated[
        bool, typer.Option("--strength", help="Break each stop and state in turn; report what the contract misses.")
    ] = False,
    format: Annotated[str, one_of(REPORTS, help="Format of the report.")] = "rich",
    output: Annotated[Path | None, typer.Option(help="Write the report to a file.", show_default=False)] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what was measured into the table and its lock file; show the diff.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="What the table leaves out is a drift; with --update it is added.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A remark, such as a module that no loss updates, is a failure too.")
    ] = False,
) -> None:
    """Measure which loss updates which module, and compare with the documented table.

    Every loss is backpropagated alone, at every gate setting, and every cell of losses x modules is decided in float64.
    A script runs unchanged until its optimizers have made a step; its losses and modules are found where it uses them.

    Exit code 0: as documented. 1: drift, or, with --strict, a remark. 2: the audit could not be made.
    """
    from jepa_cli.audit.request import Request
    from jepa_cli.audit.run import run_audit
    from jepa_cli.targets.script import script_options
    from jepa_cli.targets.subject import SubjectOptions

    options = script_options(script, module, arguments, steps, modules, losses, proof=proof)
    request = Request(
        subject=SubjectOptions(config, overrides or [], checkpoint, target, options),
        table=table,
        losses=losses or [],
        gates=gates or [],
        explain=explain,
        strength=strength,
        format=format,
        output=output,
        update=update,
        complete=complete,
        strict=strict,
    )
    if not run_audit(request):
        raise typer.Exit(DRIFT)
