"""Puts what a command prints into the pages that show it, and draws their pictures.

    python docs/embed.py        from the project's root; `make docs` does

In a page, a line ``<!-- $ jepa render-flow --format text -->`` stands above a fence: what is between the fences becomes
what the command prints.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from functools import cache
from pathlib import Path

from typer.testing import CliRunner

from jepa_cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = tuple(ROOT / page for page in ("docs/pictures.md", "docs/reference/commands.md"))
PICTURES = {
    "docs/images/gradient-flow.svg": "jepa render-flow",
    "docs/images/gradient-flow-comparison.svg": "jepa render-flow --set train.detach_z_from_h_and_p=false "
    "--compare default",
    "docs/images/gradient-flow-jepa.svg": "jepa render-flow --losses jepa",
    "docs/images/gradient-matrix.svg": "jepa render-flow --view matrix",
}
"""By file: the command without --out."""
EMBEDDED = re.compile(r"^<!-- \$ (jepa .+?) -->\n(```\w*)\n.*?^```$", re.MULTILINE | re.DOTALL)


def embedded(text: str) -> str:
    """A page with the output of every command as it is now."""
    return EMBEDDED.sub(lambda found: f"<!-- $ {found[1]} -->\n{found[2]}\n{output(found[1])}```", text)


@cache
def output(command: str) -> str:
    """What a command prints on a terminal of 80 columns, run in this process: torch is loaded once for all."""
    with contextlib.chdir(ROOT):
        terminal = CliRunner(env={"COLUMNS": "80", "OMP_NUM_THREADS": "1"})
        run = terminal.invoke(app, shlex.split(command)[1:], prog_name="jepa", terminal_width=78)
    if run.exit_code:
        raise SystemExit(f"{command}: {run.stderr}{run.exception or ''}")
    return run.stdout


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(embedded(page.read_text(encoding="utf-8")), encoding="utf-8")
    for picture, command in PICTURES.items():
        output(f"{command} --out {picture}")
