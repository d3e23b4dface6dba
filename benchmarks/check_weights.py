"""`jepa check-weights` against what it has to import, each in a fresh interpreter on one core."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import compare

IDLE = """
import typer
app = typer.Typer(rich_markup_mode=None)
@app.command()
def idle(name: str = ""): pass
app()
"""


def main(rounds: int = 7) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], env=environment, capture_output=True)

    with TemporaryDirectory() as folder:
        idle = Path(folder) / "idle.py"
        idle.write_text(IDLE)
        rules = run("-m", "jepa_cli", "check-weights", "--no-measure", "--set", "losses.sigreg=1")
        typer = run("-c", "import typer")
        print(f"rules only / python -c 'import typer'               {compare(rules, typer, rounds=2 * rounds)}")
        print(
            f"a typer command that does nothing / the same        {compare(run(str(idle)), typer, rounds=2 * rounds)}"
        )
    for name, setting in (("a weight", "losses.sigreg=1"), ("a gate", "train.detach_z_from_h_and_p=false")):
        checked = run("-m", "jepa_cli", "check-weights", "--set", setting)
        ratio = compare(checked, run("-c", "import torch"), rounds=rounds, warm_up=1)
        print(f"measured, {name:9s} / python -c 'import torch'        {ratio}")


if __name__ == "__main__":
    main()
