"""Documents that are read: what they promise, and every mistake in them with its line."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import read_contract
from audits.errors import AuditError
from jepa_world_model.losses import LOSSES

Write = Callable[[str], Path]

FLOW = """\
# Flow

| Loss | Target (stop-grad?) | Updates | Notes |
| --- | --- | --- | --- |
| `jepa` | sg(z) | predictor, h_to_z | free \\| text |
| recon | — | encoder + decoder |
"""
ROWS = "| Loss | Updates |\n| --- | --- |\n| jepa | predictor |\n| recon, rank | encoder |\n"
EFFECTS = "\n| Gate | Losses | Gains | Loses |\n| --- | --- | --- | --- |\n"


def complaint(toy: SimpleNamespace, path: Path, **other: object) -> str:
    with pytest.raises(AuditError) as caught:
        toy.contract(path, **other)
    return str(caught.value)


def test_what_a_document_promises(toy: SimpleNamespace, document: Write) -> None:
    path = document(FLOW.replace("decoder |\n", "decoder | |\n") + "\ndisabled\n\nUpdates|loss\n-|-\nnone|`rank`\n")
    contract = toy.contract(path)
    assert contract.losses == ("jepa", "recon", "rank")
    assert contract.updates("jepa", toy.setting()) == {"predictor", "h_to_z"}
    assert contract.updates("rank", toy.setting(gate_a=True)) == frozenset()
    assert (contract.stop_grads("jepa"), contract.stop_grads("recon"), contract.stop_grads("rank")) == (
        {"z"},
        False,
        None,
    )
    assert str(contract.row("recon")).endswith("flow.md:6")
    assert contract.effect_row("jepa", toy.setting()) is None


@pytest.mark.parametrize(
    ("changed", "updates"),
    [
        ({}, {"predictor"}),
        ({"gate_a": True}, {"predictor", "encoder"}),
        ({"gate_b": True}, set()),
        ({"gate_a": True, "gate_b": True}, {"encoder", "decoder"}),
        ({"gate_c": False}, {"predictor"}),
    ],
)
def test_effects_with_fewer_gates_come_first_wherever_they_stand(
    toy: SimpleNamespace, document: Write, changed: dict[str, bool], updates: set[str]
) -> None:
    rows = (
        "| gate_a=True and gate_b=true | jepa | decoder | — |\n"
        "| `gate_a=True` | jepa, recon | encoder | |\n"
        "| `gate_b=True` | `jepa` | none | predictor |\n"
    )
    contract = toy.contract(document(ROWS + EFFECTS + rows))
    assert contract.updates("jepa", toy.setting(**changed)) == updates
    reverse = toy.contract(document(ROWS + EFFECTS + "".join(reversed(rows.splitlines(keepends=True)))))
    assert reverse.updates("jepa", toy.setting(**changed)) == updates


def test_among_effects_with_equally_many_gates_what_is_lost_is_lost(toy: SimpleNamespace, document: Write) -> None:
    rows = ["| gate_a=True | jepa | encoder | |\n", "| gate_b=True | jepa | | encoder, predictor |\n"]
    for text in ("".join(rows), "".join(reversed(rows))):
        contract = toy.contract(document(ROWS + EFFECTS + text))
        assert contract.updates("jepa", toy.setting(gate_a=True, gate_b=True)) == frozenset()


def test_the_line_that_spoke_last(toy: SimpleNamespace, document: Write) -> None:
    rows = "| gate_a=True, gate_b=True | jepa | decoder | |\n| gate_a=True | jepa | encoder | |\n"
    contract = toy.contract(document(ROWS + EFFECTS + rows))
    assert contract.effect_row("jepa", toy.setting(gate_a=True, gate_b=True)).line == 8
    assert contract.effect_row("jepa", toy.setting(gate_a=True)).line == 9
    assert contract.effect_row("recon", toy.setting(gate_a=True)) is None


def test_a_table_of_effects_may_lack_a_column(toy: SimpleNamespace, document: Write) -> None:
    table = "\n| Loses | Why | Switch | Loss |\n| - | - | - | - |\n| predictor | so | gate_a=True | jepa |\n"
    assert toy.contract(document(ROWS + table)).updates("jepa", toy.setting(gate_a=True)) == frozenset()


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (ROWS.replace("jepa", "jpea"), 3, "unknown loss 'jpea': did you mean 'jepa'?"),
        (ROWS.replace("predictor", "preditor"), 3, "Updates: unknown module 'preditor': did you mean 'predictor'?"),
        (ROWS.replace("predictor", "not encoder"), 3, "name only what is updated"),
        (ROWS.replace("recon, rank", "jepa, recon, rank"), 4, "loss 'jepa' has a row already, in line 3"),
        (ROWS.replace("recon, rank", "rank, rank, recon"), 4, "loss 'rank' has a row already, in line 4"),
        (ROWS.replace("recon, rank", "—"), 4, "expected the name of a loss"),
        (
            ROWS.replace("| jepa | predictor |\n| recon, rank | encoder |\n", ""),
            1,
            "no row for any audited loss",
        ),
        (ROWS + "| jepa |\n", 5, "expected 2 cells as in the header, found 1: add the missing ones"),
        (ROWS.replace("predictor |", "predictor | |x| |"), 3, r"found 5: write a | inside a cell as \|"),
        (ROWS + EFFECTS + "| gate_x=True | jepa | | |\n", 8, "unknown gate 'gate_x'"),
        (ROWS + EFFECTS + "| gate_a=Tru | jepa | | |\n", 8, "unknown value 'Tru' of gate 'gate_a'"),
        (ROWS + EFFECTS + "| gate_a=True | jpea | | |\n", 8, "unknown loss 'jpea'"),
        (ROWS + EFFECTS + "| gate_a=True | jepa | encodr | |\n", 8, "Gains: unknown module 'encodr'"),
        (ROWS + EFFECTS + "| gate_a=True | jepa | | encodr |\n", 8, "Loses: unknown module 'encodr'"),
        (ROWS + EFFECTS + "| gate_a=True | jepa | encoder | encoder |\n", 8, "Gains and Loses both name 'encoder'"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    toy: SimpleNamespace, document: Write, text: str, line: int, part: str
) -> None:
    told = complaint(toy, document(text))
    assert f"flow.md:{line}: " in told
    assert part in told


def test_all_mistakes_are_told_at_once_in_the_order_of_lines(toy: SimpleNamespace, document: Write) -> None:
    rows = "".join(f"| gate_a=True | jepa | wrong{number} | |\n" for number in range(12))
    told = complaint(toy, document(ROWS.replace("jepa", "jpea") + EFFECTS + rows)).splitlines()
    assert len(told) == 11
    assert "flow.md:3: unknown loss" in told[0]
    assert "flow.md:8: " in told[1]
    assert told[-1] == "and 3 more"


@pytest.mark.parametrize("text", ["", "text", EFFECTS, f"```\n{ROWS}```\n"])
def test_no_table_of_the_flow(toy: SimpleNamespace, document: Write, text: str) -> None:
    told = complaint(toy, document(text))
    assert "flow.md has no table of the gradient flow" in told
    assert "columns Loss and Updates" in told


def test_one_of_the_audited_losses_needs_a_row(toy: SimpleNamespace, document: Write) -> None:
    path = document(ROWS.replace("recon, rank", "recon"))
    assert toy.contract(path, audited=["jepa", "rank"]).losses == ("jepa", "recon")
    assert "no row for any audited loss" in complaint(toy, path, audited=["rank"])


def test_a_file_that_is_missing_a_folder_or_not_text(toy: SimpleNamespace, tmp_path: Path) -> None:
    assert "none.md does not exist: name a Markdown file" in complaint(toy, tmp_path / "none.md")
    assert "is a folder" in complaint(toy, tmp_path)
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    assert "latin.md is not UTF-8 text (byte 3)" in complaint(toy, tmp_path / "latin.md")


def test_a_path_below_the_current_folder_is_told_relative_to_it(
    toy: SimpleNamespace, document: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = document(ROWS)
    monkeypatch.chdir(path.parent)
    assert toy.contract(path).row("jepa").file == "flow.md"


def test_windows_line_ends_and_a_byte_order_mark(toy: SimpleNamespace, document: Write) -> None:
    contract = toy.contract(document("\ufeff" + (ROWS + EFFECTS).replace("\n", "\r\n")))
    assert contract.updates("recon", toy.setting()) == {"encoder"}


def test_the_generated_page_of_losses_is_a_table_that_can_be_read() -> None:
    """A table made for people, with further columns: loss | weight | compares | reads | updates | needs."""
    root = Path(__file__).parents[3]
    rows = [
        line.split("|") for line in (root / "docs" / "losses.md").read_text().splitlines() if line.startswith("| `")
    ]
    losses = [row[1].strip(" `") for row in rows]
    modules = {module.strip() for row in rows for module in row[5].split(",")}
    contract = read_contract(root / "docs" / "losses.md", losses=losses, modules=modules, gates={})
    assert set(contract.losses) == set(LOSSES)
