"""The effects table brought up to date: rows that stay right stay as they are."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

Write = Callable[[str], Path]
Updates = dict[str, str]

FLOW = "| Loss | Updates |\n| - | - |\n| jepa | predictor, h_to_z |\n| recon | encoder, decoder |\n| rank | — |\n"
HEADER = "\n| Gate | Losses | Gains | Loses | Why |\n| - | - | - | - | - |\n"


@pytest.fixture
def rows(toy: SimpleNamespace, document: Write) -> Callable[..., list[str]]:
    """The effects after an update of these rows with what was measured at settings that differ from the default."""

    def updated(
        *old: str, header: str = HEADER, default: dict[str, str] | None = None, **at: dict[str, str]
    ) -> list[str]:
        base = {**toy.UPDATES, **(default or {})}
        settings = {name: toy.setting(**{f"gate_{gate}": gate != "c" for gate in name}) for name in at}
        flows = [toy.flow({**base, **at[name]}, at=setting) for name, setting in settings.items()]
        path = document(FLOW + header + "".join(f"{row}\n" for row in old))
        made = toy.audit(toy.flow(base), *flows)
        text = toy.updated(made, path)
        assert toy.checked(made, path).passed
        assert toy.updated(made, path) == text
        return text[text.index(header) + len(header) :].splitlines()

    return updated


A_RECON = "| `gate_a = True` | recon | none | the encoder | because |"


def test_what_is_right_stays_byte_for_byte(rows: Callable) -> None:
    assert rows(A_RECON, a={"recon": "decoder"}) == [A_RECON]


def test_right_but_redundant_stays(rows: Callable) -> None:
    assert rows(A_RECON, default={"recon": "decoder"}, a={"recon": "decoder"}) == [A_RECON]


def test_a_row_is_added_behind_those_with_the_same_gates(rows: Callable) -> None:
    other = "| gate_b=True | recon | — | encoder | |"
    found = rows(A_RECON, other, a={"recon": "decoder", "rank": "encoder"}, b={"recon": "decoder"})
    assert found == [A_RECON, "| `gate_a=True` | `rank` | encoder | — | |", other]


def test_a_loss_joins_the_row_that_says_the_same(rows: Callable) -> None:
    found = rows(A_RECON, default={"jepa": "encoder"}, a={"recon": "decoder", "jepa": ""})
    assert found == ["| `gate_a = True` | jepa, recon | none | the encoder | because |"]


def test_a_wrong_row_is_corrected_in_place_with_its_further_columns(rows: Callable) -> None:
    assert rows(A_RECON, a={"recon": "encoder, decoder, predictor"}) == [
        "| `gate_a = True` | recon | predictor | — | because |"
    ]


def test_a_row_without_any_effect_left_says_that_the_gate_changes_nothing(rows: Callable) -> None:
    nothing = "| `gate_a=True` | — | — | — | |"
    assert rows(A_RECON, a={}) == [nothing]
    assert rows(nothing, a={}) == [nothing]


def test_a_gate_that_begins_to_change_something_takes_the_row_that_says_it_does_not(rows: Callable) -> None:
    found = rows("| `gate_a=True` | none | — | — | so far |", a={"recon": "decoder"})
    assert found == ["| `gate_a=True` | recon | — | encoder | so far |"]


def test_a_loss_leaves_the_row_that_is_right_for_the_others(rows: Callable) -> None:
    row = "| gate_a=True | `recon`, `rank`, `jepa` | h_to_z | | |"
    found = rows(row, a={"recon": "encoder, decoder, h_to_z", "rank": "encoder"})
    assert found == [
        "| gate_a=True | `recon`, `jepa` | h_to_z | | |",
        "| `gate_a=True` | `rank` | encoder | — | |",
    ]


def test_only_the_difference_to_smaller_effects_is_written(rows: Callable) -> None:
    found = rows(A_RECON, a={"recon": "decoder"}, b={}, ab={"recon": "decoder, h_to_z", "rank": "decoder"})
    assert found == [
        A_RECON,
        "| `gate_a=True`, `gate_b=True` | `recon` | h_to_z | — | |",
        "| `gate_a=True`, `gate_b=True` | `rank` | decoder | — | |",
    ]


def test_an_effect_that_names_a_default_is_overridden_at_that_setting_alone(rows: Callable) -> None:
    row = "| gate_a=True, gate_b=False | recon | h_to_z | | |"
    assert rows(row, a={"recon": "decoder"}) == [
        row,
        "| `gate_a=True`, `gate_b=False`, `gate_c=True` | `recon` | — | encoder, h_to_z | |",
    ]


def test_an_effect_that_changes_the_default_setting_is_overridden(rows: Callable) -> None:
    row = "| gate_a=False | rank | h_to_z | | |"
    found = rows(row)
    assert found == [row, "| `gate_a=False`, `gate_b=False`, `gate_c=True` | `rank` | — | h_to_z | |"]


@pytest.mark.parametrize(
    "row", ["| gate_a=True | recon | | encodr | |", "| gate_a=True | recon | encoder | encoder | |"]
)
def test_a_row_that_cannot_be_read_is_rewritten_where_it_was_audited(rows: Callable, row: str) -> None:
    assert rows(row, a={"recon": "decoder"}) == ["| gate_a=True | recon | — | encoder | |"]


def test_rows_of_settings_and_losses_that_were_not_audited_stay(toy: SimpleNamespace, document: Write) -> None:
    text = FLOW + HEADER + "| gate_b=True | recon, rank | h_to_z | | |\n| gate_a=True | other | gone | | |\n"
    made = toy.audit(toy.flow(), toy.flow(at=toy.setting(gate_a=True)))
    assert toy.updated(made, document(text)) == text


def test_a_table_without_the_column_is_not_used(rows: Callable) -> None:
    header = "\n| Gate | Losses | Loses |\n| - | - | - |\n"
    found = rows("| gate_a=True | recon | encoder |", header=header, a={"recon": "decoder", "rank": "encoder"})
    assert found[0] == "| gate_a=True | recon | encoder |"
    assert found[2] == "## What the gates change"
    assert found[-1] == "| `gate_a=True` | `rank` | encoder | — |"


def test_a_row_whose_table_lacks_the_column_moves(rows: Callable) -> None:
    header = "\n| Gate | Losses | Loses |\n| - | - | - |\n"
    found = rows("| gate_a=True | recon | encoder |", header=header, a={"recon": "encoder, decoder, h_to_z"})
    assert found[1] == "## What the gates change"
    assert found[-1] == "| `gate_a=True` | `recon` | h_to_z | — |"


def test_a_table_that_is_added_has_the_line_ends_of_the_text(toy: SimpleNamespace, document: Write) -> None:
    made = toy.audit(toy.flow(), toy.flow({**toy.UPDATES, "rank": "encoder"}, at=toy.setting(gate_c=False)))
    text = toy.updated(made, document(FLOW.replace("\n", "\r\n")))
    assert text.count("\n") == text.count("\r\n")
    assert "\r\n## What the gates change\r\n" in text


def test_without_a_table_of_effects_one_is_added(toy: SimpleNamespace, document: Write) -> None:
    made = toy.audit(toy.flow(), toy.flow({**toy.UPDATES, "rank": "encoder"}, at=toy.setting(gate_c=False)))
    path = document(FLOW)
    text = toy.updated(made, path)
    assert text.startswith(f"{FLOW}\n## What the gates change\n")
    assert text.endswith("| `gate_c=False` | `rank` | encoder | — |\n")
    assert toy.checked(made, path).passed
