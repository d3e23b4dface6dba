"""`jepa audit-grads` in this process, and what a user reads after a mistake."""

from pathlib import Path

from typer.testing import CliRunner, Result

from jepa_cli.app import app

AS_DOCUMENTED, DRIFT, BAD_INPUT = 0, 1, 2
TRAINERS = Path(__file__).parent
FLOW = TRAINERS / "FLOW.md"
WIDE = {"COLUMNS": "200"}


def audit_grads(*arguments: str | Path) -> Result:
    """On a terminal wide enough that no line is wrapped."""
    return CliRunner(env=WIDE).invoke(app, ["audit-grads", *map(str, arguments)])


def audit_small(*arguments: str | Path, function: str = "audit_target") -> Result:
    """The small trainer, which the fixture `trainers` makes importable."""
    return audit_grads("--target", f"trainers:{function}", *arguments)


def complaint(result: Result) -> str:
    """The one message on standard error: no report beside it, no traceback."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == BAD_INPUT, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("Error: ") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder, to see that nothing was written."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
