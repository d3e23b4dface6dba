"""What a shell offers: values of options, looked up without torch."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_cli.audit.choices import REPORTS
from jepa_cli.render.choices import SUFFIXES, VIEWS
from jepa_cli.terminal import names
from jepa_world_model.losses import LOSSES
from jepa_world_model.training.loggers.registry import LOGGERS


def words(line: str) -> dict[str, str]:
    """The environment in which bash asks for the last word of a line."""
    typed = line.split(" ")
    return {"_JEPA_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(typed), "COMP_CWORD": str(len(typed) - 1)}


def offered(line: str) -> list[str]:
    return CliRunner(env=words(line)).invoke(app, prog_name="jepa").stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("jepa audit-grads --format ", list(REPORTS)),
        ("jepa audit-grads --format j", ["json", "junit"]),
        ("jepa audit-grads --losses ", ["enabled", "all", *LOSSES]),
        ("jepa audit-grads --losses jepa,sig", ["jepa,sigreg"]),
        ("jepa audit-grads --gates detach_d", ["detach_decoder=true", "detach_decoder=false"]),
        ("jepa audit-grads --target own:target --losses ", ["all"]),
        ("jepa audit-grads --target own:target --gates ", ["default", "all"]),
        ("jepa render-flow --format ", list(SUFFIXES)),
        ("jepa render-flow --view ", list(VIEWS)),
        ("jepa render-flow --losses rec", [name for name in LOSSES if name.startswith("rec")]),
        ("jepa check-weights --format s", ["sarif"]),
        ("jepa check-weights --fail-on ", ["warning", "error"]),
        ("jepa check-weights --set losses.je", ["losses.jepa="]),
        ("jepa train --device c", ["cpu", "cuda"]),
        ("jepa train --log ", list(LOGGERS)),
        ("jepa train --set train.compile=", ["train.compile=true", "train.compile=false"]),
        ("jepa runs --sort ", ["name", "updated", "loss"]),
        ("jepa runs list --sort ", ["name", "updated", "loss"]),
        ("jepa runs compare --format ", ["rich", "json"]),
    ],
)
def test_values_are_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_every_setting_is_offered() -> None:
    keys = {text.partition("=")[0] for text in names.settings()}
    assert {f"losses.{name}" for name in LOSSES} < keys
    assert {table for table, _, _ in (key.partition(".") for key in keys)} == {
        "losses",
        "train",
        "model",
        "data",
        "alarms",
    }


def test_nothing_heavy_is_imported_to_offer_a_value() -> None:
    lines = ["jepa audit-grads --losses ", "jepa train --log ", "jepa train --set ", "jepa render-flow --gates "]
    code = "\n".join(
        [
            "import sys, os; from typer.testing import CliRunner; from jepa_cli.app import app",
            f"for env in {[words(line) for line in lines]!r}:",
            "    assert CliRunner(env=env).invoke(app, prog_name='jepa').stdout.split()",
            "print([name for name in ('torch', 'numpy', 'pandas', 'rich.console') if name in sys.modules])",
        ]
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert run.stdout == "[]\n", run.stdout + run.stderr
