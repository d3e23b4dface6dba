"""Puts what a command prints into the pages that show it, and draws their pictures.

    python docs/embed.py        from the project's root; `make docs` does

In a page, a line ``<!-- $ jepa render-flow --format text -->`` stands above a fence: what is between the fences becomes
what the command prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

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
JEPA = "import sys; sys.argv[0] = 'jepa'; from jepa_cli.app import app; app()"
"""The command under its own name, whether or not it is on the PATH."""
EMBEDDED = re.compile(r"^<!-- \$ (jepa .+?) -->\n(```\w*)\n.*?^```$", re.MULTILINE | re.DOTALL)


def embedded(text: str) -> str:
    """A page with the output of every command as it is now."""
    return EMBEDDED.sub(lambda found: f"<!-- $ {found[1]} -->\n{found[2]}\n{output(found[1])}```", text)


@cache
def output(command: str) -> str:
    """What a command prints on a terminal of 80 columns."""
    environment = os.environ | {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", JEPA, *shlex.split(command)[1:]]
    run = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")
    if run.returncode:
        raise SystemExit(f"{command}: {run.stderr}")
    return run.stdout


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(embedded(page.read_text(encoding="utf-8")), encoding="utf-8")
    for picture, command in PICTURES.items():
        output(f"{command} --out {picture}")
