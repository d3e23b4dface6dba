"""Documents that are brought up to date: what changes, and what stays byte for byte."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import diff, updated_texts
from audits.errors import AuditError
from audits.result import Cell, Status

Write = Callable[[str], Path]

TEXT = """\
# Title

| Loss     | Target | Updates                      | Notes         |
| -------- | ------ | ---------------------------- | ------------- |
| jepa     | sg(z)  | The predictor and `h_to_z`   | why \\| not    |
| `recon`  | none   | decoder + encoder (of x)     |               |

Between.

Updates | Loss
--- | ---
— | rank
"""
JEPA = "| jepa     | sg(z)  | The predictor and `h_to_z`   | why \\| not    |"


@pytest.fixture
def flow(toy: SimpleNamespace) -> Callable[..., object]:
    """A flow with the stop that the text documents."""

    def made(**updates: str) -> object:
        return toy.flow({**toy.UPDATES, **updates}, stops={"jepa": [toy.stop("sg_z")]})

    return made


def changed_lines(old: str, new: str) -> list[str]:
    assert len(old.split("\n")) == len(new.split("\n"))
    return [b for a, b in zip(old.split("\n"), new.split("\n"), strict=True) if a != b]


def test_prose_that_still_means_what_was_measured_stays(toy: SimpleNamespace, document: Write, flow: Callable) -> None:
    assert toy.updated(toy.audit(flow()), document(TEXT)) == TEXT


def test_windows_line_ends_stay(toy: SimpleNamespace, document: Write, flow: Callable) -> None:
    text = "\ufeff" + TEXT.replace("\n", "\r\n")
    assert toy.updated(toy.audit(flow()), document(text)) == text
    path = document(text)
    toy.updated(toy.audit(toy.flow({**toy.UPDATES, "new": "encoder"})), path)
    assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n")


def test_only_a_cell_whose_meaning_changed_is_rewritten(toy: SimpleNamespace, document: Write, flow: Callable) -> None:
    new = toy.updated(toy.audit(flow(jepa="predictor", rank="h_to_z, encoder")), document(TEXT))
    assert changed_lines(TEXT, new) == [
        "| jepa     | sg(z)  | The predictor                | why \\| not    |",
        " encoder, h_to_z | rank",
    ]


@pytest.mark.parametrize("stops", [[], ["sg_h", "sg_z"]])
def test_a_target_that_is_wrong_is_rewritten(toy: SimpleNamespace, document: Write, stops: list[str]) -> None:
    made = toy.audit(toy.flow(stops={"jepa": [toy.stop(text) for text in stops]}))
    (line,) = changed_lines(TEXT, toy.updated(made, document(TEXT)))
    assert line.split("|")[2].strip() == ("sg(h), sg(z)" if stops else "—")


def test_a_new_loss_gets_a_row_in_the_last_table(toy: SimpleNamespace, document: Write) -> None:
    stops = {"jepa": [toy.stop("sg_z")], "new": [toy.stop("stop(a | b)", loss="new")]}
    made = toy.audit(toy.flow({**toy.UPDATES, "new": "encoder"}, stops=stops))
    assert toy.updated(made, document(TEXT)) == TEXT + "| encoder | `new` |\n"
    aligned = TEXT[: TEXT.index("\nBetween")] + "| rank     |        | —                            |               |\n"
    row = "| `new`    | sg(a\\|b) | encoder                      |               |\n"
    assert toy.updated(made, document(aligned)) == aligned + row


@pytest.mark.parametrize(("other", "lines"), [("encoder, decoder", 1), ("decoder", 1), ("encoder", 2)])
def test_losses_of_one_row_that_part_get_rows_of_their_own(
    toy: SimpleNamespace, document: Write, other: str, lines: int
) -> None:
    text = "| Loss | Updates | Notes |\n| - | - | - |\n| `recon`, rank | encoder and decoder | pixels |\n"
    made = toy.audit(toy.flow({"recon": "encoder, decoder" if lines > 1 else other, "rank": other}))
    rows = toy.updated(made, document(text)).splitlines()[2:]
    expected = {
        "encoder, decoder": ["| `recon`, rank | encoder and decoder | pixels |"],
        "decoder": ["| `recon`, rank | decoder | pixels |"],
        "encoder": ["| `recon` | encoder and decoder | pixels |", "| rank | encoder | pixels |"],
    }
    assert rows == expected[other]


def test_an_undecided_cell_stays_as_documented(toy: SimpleNamespace, document: Write) -> None:
    unknown = [Cell("jepa", module, Status.UNKNOWN) for module in ("predictor", "encoder")]
    made = toy.audit(toy.flow(cells=unknown, stops={"jepa": [toy.stop("sg_z")]}))
    assert toy.updated(made, document(TEXT)) == TEXT


def test_prose_that_cannot_be_read_is_rewritten(toy: SimpleNamespace, document: Write, flow: Callable) -> None:
    new = toy.updated(toy.audit(flow()), document(TEXT.replace("The predictor", "no predictor")))
    assert "| predictor, h_to_z " in new


def test_rows_of_losses_that_were_not_audited_stay(toy: SimpleNamespace, document: Write) -> None:
    made = toy.audit(toy.flow({"recon": "decoder"}))
    (line,) = changed_lines(TEXT, toy.updated(made, document(TEXT)))
    assert line.startswith("| `recon`")


def test_of_a_part_of_the_losses_no_stop_is_called_a_loss_own(toy: SimpleNamespace, document: Write) -> None:
    shared = toy.stop("stop(seed)")
    made = toy.audit(toy.flow({"recon": "encoder, decoder", "new": ""}, stops={"recon": [shared], "new": [shared]}))
    text = TEXT[: TEXT.index("\nBetween")]
    assert toy.updated(made, document(text)).splitlines()[-1].split("|")[2].strip() == ""


def test_without_the_default_setting_a_loss_cannot_get_a_row(toy: SimpleNamespace, document: Write) -> None:
    made = toy.audit(toy.flow({**toy.UPDATES, "new": ""}, at=toy.setting(gate_a=True)))
    with pytest.raises(AuditError, match="has no row for 'new': audit the default setting too"):
        updated_texts(made, document(TEXT))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (TEXT + "— | jepa\n", "has a row already, in line 5"),
        (TEXT + "— |\n", "expected 2 cells as in the header, found 1"),
        (TEXT + "\n```\n", "a code block or a comment is never closed"),
    ],
)
def test_what_only_a_person_can_mend(toy: SimpleNamespace, document: Write, text: str, part: str) -> None:
    with pytest.raises(AuditError, match=part):
        updated_texts(toy.audit(), document(text))


def test_a_new_document(toy: SimpleNamespace, tmp_path: Path) -> None:
    made = toy.audit(toy.flow(stops={"jepa": [toy.stop("sg_z")]}), toy.flow(at=toy.setting(gate_a=True)))
    text = toy.updated(made, tmp_path / "flow.md")
    assert text.startswith("# Gradient flow of trainer\n\n")
    for line in (
        "| Loss | Target (stop-grad?) | Updates | Notes |",
        "| `jepa` | sg(z) | predictor, h_to_z | |",
        "| `rank` | — | — | |",
        "| Gate | Losses | Gains | Loses |",
    ):
        assert line in text.splitlines()
    assert toy.checked(made, tmp_path / "flow.md").passed


def test_a_text_without_a_table_gets_one_at_its_end(toy: SimpleNamespace, document: Write) -> None:
    text = toy.updated(toy.audit(), document("# Mine\r\n\r\nMy words.\r\n"))
    assert text.startswith("# Mine\r\n\r\nMy words.\r\n\r\n## Which loss updates which module\r\n")
    assert text.endswith("| `rank` | — | — | |\r\n")


def test_a_diff_can_be_read() -> None:
    assert diff(Path("/docs/flow.md"), "a\nb\n", "a\nb\n") == ""
    assert diff(Path("/docs/flow.md"), "a\nb", "a\nc\n").splitlines() == [
        "--- /docs/flow.md",
        "+++ /docs/flow.md",
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "\\ No newline at end of file",
        "+c",
    ]
