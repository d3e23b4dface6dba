"""`jepa audit-grads` against a document: as documented, drift with its place, and `--update`."""

import json
import re
from pathlib import Path

import pytest

from jepa_world_model.losses import LOSSES
from jepa_world_model.record import record
from tests.cli.audit_targets.command import AS_DOCUMENTED, DRIFT, FLOW, audit_grads, audit_small, contents

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "gradient_flow.md"
LOCK = DOCUMENT.with_suffix(".lock.json")
MODULES = len(record().modules)
ROW = "| `recon_multi_box` | — | encoder, decoder |"


def lines_with(text: str, path: Path) -> list[int]:
    return [number for number, line in enumerate(path.read_text().splitlines(), start=1) if text in line]


@pytest.fixture
def document(folder: Path) -> Path:
    """A copy of the documented flow of the world model, with its lock file."""
    for path in (DOCUMENT, LOCK):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / DOCUMENT.name


@pytest.fixture
def table(trainers: Path) -> Path:
    """A copy of the small trainer's document."""
    (trainers / "FLOW.md").write_bytes(FLOW.read_bytes())
    return trainers / "FLOW.md"


def test_the_code_is_as_documented_at_all_gates_and_an_update_changes_nothing(document: Path) -> None:
    before = contents(document.parent)
    result = audit_grads("--table", document, "--gates", "all", "--update")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert f"as documented: {len(LOSSES)} losses x {MODULES} modules at 8 gate settings" in result.stdout
    assert "nothing to change" in result.stderr
    assert contents(document.parent) == before


def test_without_table_and_from_any_folder_the_documented_flow_is_found(folder: Path) -> None:
    result = audit_grads("--gates", "default", "--losses", "jepa")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert f"as documented: 1 loss x {MODULES} modules at default" in result.stdout


@pytest.mark.parametrize(
    ("updates", "module", "kind"),
    [("encoder, decoder, predictor", "predictor", "missing"), ("decoder", "encoder", "unexpected")],
)
def test_a_falsified_row_is_drift_with_loss_module_and_line(
    updates: str, module: str, kind: str, document: Path
) -> None:
    document.write_text(document.read_text().replace(ROW, ROW.replace("encoder, decoder", updates)))
    result = audit_grads("--table", document, "--gates", "default", "--losses", "recon_multi_box")
    assert result.exit_code == DRIFT, result.output
    assert f"recon_multi_box: {module}: {kind}" in result.stdout
    (line,) = lines_with(f"| `recon_multi_box` | — | {updates} |", document)
    assert f"gradient_flow.md:{line} (document)" in result.stdout
    assert f"1 drift: 1 loss x {MODULES} modules" in result.stdout


def test_a_falsified_row_of_the_gates_is_drift_there_and_nowhere_else(table: Path) -> None:
    table.write_text(table.read_text().replace("| encoder | — |", "| — | critic |"))
    result = audit_small("--table", table)
    assert result.exit_code == DRIFT, result.output
    assert "value: encoder: unexpected" in result.stdout
    assert "value: critic: unexpected" in result.stdout
    assert result.stdout.count("FLOW.md:10 (document)") == 2
    assert audit_small("--table", table, "--gates", "default").exit_code == AS_DOCUMENTED


def test_an_unexpected_gradient_is_shown_with_its_way(table: Path) -> None:
    table.write_text(table.read_text().replace("encoder, head", "head"))
    result = audit_small("--table", table)
    assert result.exit_code == DRIFT
    assert re.search(r"by .*trainers\.py:\d+ \(Trainer\.losses\) <- encoder\.", result.stdout)


def test_a_missing_gradient_is_shown_with_its_cut(table: Path) -> None:
    table.write_text(table.read_text().replace("| value | — | critic |", "| value | — | critic, encoder |"))
    result = audit_small("--table", table, "--gates", "default")
    assert result.exit_code == DRIFT
    (line,) = lines_with("features.detach()", FLOW.with_name("trainers.py"))
    assert f"trainers.py:{line} (gate critic_trains_encoder)" in result.stdout


def test_a_stop_that_the_lock_file_remembers_is_missed(table: Path) -> None:
    lock = table.with_suffix(".lock.json")
    assert audit_small("--table", table, "--update").exit_code == AS_DOCUMENTED
    text = lock.read_text()
    lock.write_text(text.replace("features.detach()", "features.clone().detach()"))
    renamed = audit_small("--table", table)
    assert renamed.exit_code == AS_DOCUMENTED
    assert "renamed or moved" in renamed.stdout
    locked = json.loads(text)
    task = locked["settings"]["default"]["task"]
    task |= {"routes": ["head(sg(encoder(batch)))"], "stops": {"encoder into head": ["trainers.losses: z.detach()"]}}
    lock.write_text(json.dumps(locked))
    result = audit_small("--table", table)
    assert result.exit_code == DRIFT
    assert "stop gone" in result.stdout


def test_an_update_shows_the_diff_writes_it_and_has_nothing_left_to_do(table: Path) -> None:
    table.write_text(table.read_text().replace("encoder, head", "critic"))
    result = audit_small("--table", table, "--update")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert "-| task | — | critic | |" in result.stdout
    assert "+| task | — | encoder, head | |" in result.stdout
    assert f"+++ {table.with_suffix('.lock.json').name}" in result.stdout
    assert table.read_bytes() == FLOW.read_bytes()
    after = contents(table.parent)

    again = audit_small("--table", table, "--update")
    assert again.exit_code == AS_DOCUMENTED
    assert "+++" not in again.stdout
    assert "nothing to change" in again.stderr
    assert contents(table.parent) == after
    assert audit_small("--table", table).exit_code == AS_DOCUMENTED


def test_an_update_writes_a_document_where_there_is_none(trainers: Path) -> None:
    assert audit_small("--table", "NEW.md", "--update").exit_code == AS_DOCUMENTED
    assert set(contents(trainers)) == {"NEW.md", "NEW.lock.json"}
    assert audit_small("--table", "NEW.md").exit_code == AS_DOCUMENTED


def test_an_update_of_one_loss_leaves_the_others_alone(table: Path) -> None:
    wrong = table.read_text().replace("encoder, head", "critic").replace("critic | Reads", "head | Reads")
    table.write_text(wrong)
    result = audit_small("--table", table, "--losses", "task", "--update")
    assert result.exit_code == AS_DOCUMENTED, result.output
    assert table.read_text() == wrong.replace("| task | — | critic |", "| task | — | encoder, head |")


def test_line_endings_survive_an_update(table: Path) -> None:
    table.write_bytes(FLOW.read_bytes().replace(b"encoder, head", b"head").replace(b"\n", b"\r\n"))
    assert audit_small("--table", table, "--update").exit_code == AS_DOCUMENTED
    assert table.read_bytes() == FLOW.read_bytes().replace(b"\n", b"\r\n")
