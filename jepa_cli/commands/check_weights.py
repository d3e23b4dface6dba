"""`jepa check-weights`."""

from pathlib import Path
from typing import Annotated

import typer

from jepa_cli.check.choices import LEVELS, REPORTS
from jepa_cli.terminal.command import examples, gives_no_verdict_on_a_bug, reports_user_errors
from jepa_cli.terminal.completion import one_of
from jepa_cli.terminal.options import Checkpoint, ConfigFile, Overrides

FINDINGS = 1


@reports_user_errors
@gives_no_verdict_on_a_bug
@examples(
    "jepa check-weights --set losses.action_delta_z=0.1",
    "jepa check-weights --set train.detach_z_from_h_and_p=false",
    "jepa check-weights --config my.toml --baseline HEAD",
    "jepa check-weights --checkpoint runs/grid-rooms-001 --set losses.sigreg=0.05",
    "jepa check-weights --no-measure configs/*.toml",
)
def check_weights(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Config files; each is checked on its own.", show_default=False),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="default|FILE|RUN|REVISION",
            help="What the config is compared with: the defaults, a TOML file, a run folder, or the same file at a "
            "revision of git. By default the defaults, or the run of --checkpoint.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    measure: Annotated[
        bool,
        typer.Option("--measure/--no-measure", help="Make audits before and after the edit, or use the rules only."),
    ] = True,
    fail_on: Annotated[str, one_of(LEVELS, help="Lowest level that fails the check.")] = "warning",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Also fail on accepted findings, and on those of the baseline."),
    ] = False,
    format: Annotated[str, one_of(REPORTS, help="Format of the report.")] = "rich",
    output: Annotated[Path | None, typer.Option(help="Write the report to a file.", show_default=False)] = None,
) -> None:
    """Report what an edit of weights or gates would do.

    Named rules examine the config. Audits before and after the edit measure which losses reach which module, the share
    of its gradient that each would have, and which losses would conflict.

    Exit code 0: no findings. 1: findings. 2: the check could not be made.
    """
    from jepa_cli.check.run import CheckRequest, run_check

    request = CheckRequest(
        configs=[*(files or []), *([config] if config else [])],
        baseline=baseline,
        overrides=overrides or [],
        checkpoint=checkpoint,
        fail_on=fail_on,
        strict=strict,
        measure=measure,
        format=format,
        output=output,
    )
    if not run_check(request):
        raise typer.Exit(FINDINGS)
