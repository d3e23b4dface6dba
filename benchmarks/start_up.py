"""Help against `python -c "import typer"`, each in a fresh interpreter."""

import subprocess
import sys

from benchmarks.pairs import compare


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def main(rounds: int = 15) -> None:
    for command in ([], ["train"], ["audit-grads"]):
        shown = [*command, "--help"]
        ratio = compare(lambda: run("-m", "jepa_cli", *shown), lambda: run("-c", "import typer"), rounds=rounds)  # noqa: B023
        print(f"{'jepa ' + ' '.join(shown):26s} / python -c 'import typer'   {ratio}")


if __name__ == "__main__":
    main()
