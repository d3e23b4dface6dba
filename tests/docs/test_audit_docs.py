"""What the documentation says of the audit is so: its commands parse, its code runs, its output is what is printed."""

import runpy
from pathlib import Path

import pytest
import typer

from jepa_cli.app import app
from jepa_cli.terminal.command import BAD_INPUT
from tests.docs.pages import ROOT, Block, Shown, blocks, carried_out, commands, missing_from, shows_output
from tests.warm import run_python

README, DOCS = ROOT / "README.md", ROOT / "docs"
GUIDE, PICTURES = DOCS / "auditing_your_trainer.md", DOCS / "pictures.md"
PAGES = [README, *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").glob("*.py"))]
SESSIONS = (README, DOCS / "getting_started.md", DOCS / "checking_weights.md", GUIDE)
"""Pages with sessions on a terminal, each of which begins in an empty folder."""
CONSOLE = [block for page in SESSIONS for block in blocks(page) if shows_output(block)]
MENTIONS = [(page.name, line, words) for page in PAGES for line, words in commands(page)]

TABLE = next(block for block in blocks(GUIDE) if not block.language)
"""What the first Python block prints."""

COMPARE_PROSE = """
from audits import against
from my_trainer import audit_target
print("prose:", against(audit(audit_target(), settings="all"), "PROSE.md").drifts)
"""
RUN_TEST = "import test_gradient_flow as t; t.test_gradient_flow_is_as_documented()"

TARGET = ("-m", "jepa_cli", "audit-grads", "--target", "my_trainer:audit_target")

Outcomes = dict[Block, list[Shown]]


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a reader follows the guide."""
    return tmp_path_factory.mktemp("guide")


@pytest.fixture(scope="module")
def outcomes(guided: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The pages carried out, each in a folder of its own."""
    folders = [guided if page == GUIDE else tmp_path_factory.mktemp(page.stem) for page in SESSIONS]
    pages = map(carried_out, SESSIONS, folders)
    return {block: shown for page in pages for block, shown in page.items()}


@pytest.fixture(scope="module")
def run_in_order(guided: Path, outcomes: Outcomes) -> list[str]:
    """What the Python of the pages prints, in one process, and then the guide's own test and its table in prose."""
    python = (block for page in (GUIDE, PICTURES) for block in blocks(page) if block.language == "python")
    code = [block.text for block in python if not block.file and "audits" in block.text]
    (prose,) = (block.text for block in blocks(GUIDE) if block.language == "markdown")
    (guided / "PROSE.md").write_text(prose, encoding="utf-8")
    code += [COMPARE_PROSE, RUN_TEST, 'print("the test passes")']
    (guided / "in_order.py").write_text("\n".join(code), encoding="utf-8")
    run = run_python(guided, "in_order.py")
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(("page", "line", "words"), MENTIONS, ids=[f"{page}:{line}" for page, line, *_ in MENTIONS])
def test_every_command_parses(page: str, line: int, words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize("words", [["audit-grads", "--tabel", "FLOW.md"], ["runs", "compare", "a", "--sort", "loss"]])
def test_a_command_with_an_unknown_option_does_not_parse(words: list[str]) -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(words)


def parse(words: list[str]) -> None:
    """Read the arguments of a command and do nothing."""
    command, context = typer.main.get_command(app), None
    name, rest = "jepa", list(words)
    while True:
        context = command.make_context(name, rest, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        name, command, rest = command.resolve_command(context, context._protected_args + context.args)


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_what_a_command_prints_is_what_is_shown(block: Block, outcomes: Outcomes) -> None:
    for shown in outcomes[block]:
        missing = missing_from(shown.lines, shown.printed)
        assert not missing, "\n".join(["not printed:", *missing, "", "printed:", *shown.printed])
        assert shown.code == expected_code(shown)


def expected_code(shown: Shown) -> int:
    """The exit code that goes with what is shown."""
    if shown.lines[0].lower().startswith("error: "):
        return BAD_INPUT
    finds = any(line.startswith(("warning: ", "error: ")) for line in shown.lines)
    return 1 if shown.after_edit or finds else 0


def test_the_guide_shows_a_drift_that_no_table_of_modules_can_see(outcomes: Outcomes) -> None:
    (broken,) = (
        shown for block, found in outcomes.items() for shown in found if shown.after_edit and block.page == GUIDE.name
    )
    assert not any("[" in line for line in broken.lines[:10])
    assert any(line.startswith("stop gone") for line in broken.printed)


def test_python_runs_in_order_and_prints_what_is_shown(run_in_order: list[str]) -> None:
    assert not missing_from([*TABLE.text.splitlines(), "..."], run_in_order)


def test_the_table_in_plain_prose_is_accepted(run_in_order: list[str]) -> None:
    assert "prose: ()" in run_in_order


def test_its_mistakes_are_reported_as_shown(guided: Path, run_in_order: list[str]) -> None:
    (shown,) = (block.text for block in blocks(GUIDE) if block.text.lower().startswith("error: "))
    prose = (guided / "PROSE.md").read_text(encoding="utf-8")
    mistaken = prose.replace("predictor head", "predctor head").replace("encoder=True", "encodr=True")
    (guided / "TABLE.md").write_text(mistaken, encoding="utf-8")
    run = run_python(guided, *TARGET, "--table", "TABLE.md")
    assert (run.stderr, run.returncode) == (shown, BAD_INPUT)


def test_the_test_of_the_guide_passes(run_in_order: list[str]) -> None:
    assert run_in_order[-1] == "the test passes"


def test_the_test_of_the_guide_can_fail(guided: Path, outcomes: Outcomes, tmp_path: Path) -> None:
    for file in ("my_trainer.py", "test_gradient_flow.py", "FLOW.md", "FLOW.lock.json"):
        text = (guided / file).read_text(encoding="utf-8").replace("z_next.detach()", "z_next")
        (tmp_path / file).write_text(text, encoding="utf-8")
    run = run_python(tmp_path, "-c", RUN_TEST)
    assert "AssertionError: predict: " in run.stderr


def test_the_lock_file_of_the_guide_has_the_line_that_is_shown(guided: Path, outcomes: Outcomes) -> None:
    (shown,) = (block.text.strip() for block in blocks(GUIDE) if block.language == "json")
    assert shown in (guided / "FLOW.lock.json").read_text(encoding="utf-8")


def test_the_architecture_has_a_row_for_each_room() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = runpy.run_path(str(DOCS / "rooms.py"))
    assert rooms["with_table"](page) == page, "stale: run `make docs`"
    assert "| `audits/contract/` |" in rooms["table"]()


def test_the_tables_of_settings_are_fresh() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(DOCS / "settings_page.py"))["with_tables"](page) == page, "stale: run `make docs`"
    assert "| `rollout_horizon` | 3 | 7 | integer ≥ 1 | K, how many steps a rollout imagines. |" in page


def test_lines_that_are_not_printed_are_noticed() -> None:
    printed = ["a", "b", "c", "d"]
    assert not missing_from(["a", "...", "c", "d"], printed)
    assert not missing_from(["...", "b", "..."], printed)
    assert missing_from(["b", "..."], printed) == ["b"]
    assert missing_from(["a", "...", "c"], printed) == ["c"]
    assert missing_from(["...", "b", "d", "..."], printed) == ["b", "d"]
