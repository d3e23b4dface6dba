"""`jepa --help` against `python -c "import typer"`, each in a fresh interpreter."""

import subprocess
import sys

from benchmarks.pairs import compare


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def main(rounds: int = 15) -> None:
    ratio = compare(lambda: run("-m", "jepa_cli", "--help"), lambda: run("-c", "import typer"), rounds=rounds)
    print(f"jepa --help / python -c 'import typer'                {ratio}")


if __name__ == "__main__":
    main()
