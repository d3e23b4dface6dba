"""`jepa render-flow` against `python -c "import torch"`, each in a fresh interpreter on one core."""

import os
import subprocess
import sys
from collections.abc import Callable

from benchmarks.pairs import compare


def main(rounds: int = 7) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)

    for name, options in (("one picture", ["--format", "svg"]), ("a page of all 8 settings", ["--format", "html"])):
        drawn = run("-m", "jepa_cli", "render-flow", *options, "--out", "-")
        ratio = compare(drawn, run("-c", "import torch"), rounds=rounds, warm_up=1)
        print(f"jepa render-flow, {name:24s} / python -c 'import torch'   {ratio}")


if __name__ == "__main__":
    main()
