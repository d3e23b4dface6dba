"""Notes from before there was an audit: what they say is compared, what they leave out is listed in a line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from audits.contract import against, stays_complete, updated_texts
from audits.contract.statements import read_statements
from audits.drift import DriftKind
from audits.errors import AuditError

Write = Callable[[str], Path]

WEIGHTS = {"jepa": 1.0, "recon": 0.5, "rank": 0.0}
NOTE = """\
# My losses

- `jepa` = 1.0
- recon = 0.5
- Off by default (weight = 0.0): rank

Gates: `Config.gate_a = False`, closed for good reasons.

- `Config.gate_c = True`

| Loss | Stop-grad? | Primary parameters updated | Remarks |
| --- | --- | --- | --- |
| jepa | z' is detached | predictor (via h states) + h_to_z | |
| recon | pixels | the encoder and the decoder | with `gate_b=True` not the encoder |

## If something is changed

- `gate_a = True`: recon no longer trains the encoder.
- jepa = 2.0
"""


@pytest.fixture
def audit(toy: SimpleNamespace) -> object:
    """With the stop of the note, and another flow at one of the gates."""
    stops = {"jepa": [toy.stop("sg_z")]}
    at = toy.flow({**toy.UPDATES, "recon": "decoder"}, at=toy.setting(gate_a=True), stops=stops)
    return replace(toy.audit(toy.flow(stops=stops), at), weights=WEIGHTS)


def test_a_note_is_compared_as_it_stands(audit: object, document: Write) -> None:
    comparison = against(audit, document(NOTE))
    assert (comparison.passed, comparison.complete, comparison.uncompared) == (True, False, {"gate_a=True"})
    assert "not speak of the loss rank and the settings with gate_a=True: not compared; --compl" in comparison.notes[0]


def test_complete_demands_every_loss_and_every_value_of_a_gate(audit: object, document: Write) -> None:
    comparison = against(audit, document(NOTE), complete=True)
    assert [(drift.headline, drift.expected) for drift in comparison.drifts] == [
        ("rank: undocumented", "a row"),
        ("gate_a: undocumented", "a row for gate_a=True"),
    ]
    assert not any("speak" in note for note in comparison.notes)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "kind", "expected", "found"),
    [
        ("`jepa` = 1.0", "`jepa` = 0.1", 3, DriftKind.WEIGHT, "jepa = 0.1", "1.0"),
        ("recon = 0.5", "recon: 1", 4, DriftKind.WEIGHT, "recon = 1", "0.5"),
        ("(weight = 0.0): rank", "(weight = 0.0): rank, jepa", 5, DriftKind.WEIGHT, "jepa = 0.0", "1.0"),
        ("Off by default (weight = 0.0):", "Enabled losses:", 5, DriftKind.WEIGHT, "rank = more than 0", "0.0"),
        ("gate_c = True`", "gate_c = False`", 9, DriftKind.GATE_DEFAULT, "gate_c = False", "True"),
        ("Gates: `Config.gate_a = False`", "`gate_a` (default on)", 7, DriftKind.GATE_DEFAULT, "gate_a = on", "False"),
        ("predictor (via h states)", "encoder", 13, DriftKind.MISSING, "updates encoder", "absent"),
        ("| pixels |", "| the pixels are detached |", 14, DriftKind.STOP_GRAD, "a stop-grad", "—"),
    ],
)
def test_what_a_note_says_wrongly_is_a_drift_at_its_line(
    audit: object, document: Write, right: str, wrong: str, line: int, kind: DriftKind, expected: str, found: str
) -> None:
    path = document(NOTE.replace(right, wrong))
    drift = next(drift for drift in against(audit, path).drifts if drift.kind is kind)
    assert (drift.row.line if drift.row else 0, drift.expected, drift.found) == (line, expected, found)


def test_weights_are_not_compared_with_a_target_that_has_none(audit: object, document: Write) -> None:
    comparison = against(replace(audit, weights={}), document(NOTE.replace("`jepa` = 1.0", "`jepa` = 7")))
    assert comparison.passed
    assert any("states weights" in note for note in comparison.notes)


def corrected(audit: object, path: Path) -> list[str]:
    """The lines of the document that an update changes or adds."""
    old = path.read_text(encoding="utf-8")
    text = updated_texts(audit, path, complete=stays_complete(audit, path))[path]
    path.write_text(text, encoding="utf-8")
    assert against(audit, path).passed
    return [line for line in text.splitlines() if line not in old.splitlines()]


def test_an_update_corrects_what_is_wrong_and_keeps_the_rest(audit: object, document: Write) -> None:
    assert corrected(audit, document(NOTE)) == []
    wrong = (
        NOTE.replace(" + h_to_z", "; encoder (now and then)")
        .replace("recon = 0.5", "recon = 5")
        .replace("c = T", "c = F")
    )
    assert corrected(audit, document(wrong)) == [
        "- recon = 0.5",
        "- `Config.gate_c = True`",
        "| jepa | z' is detached | predictor (via h states); h_to_z | |",
    ]


@pytest.mark.parametrize(
    ("lines", "right"),
    [
        (
            "- Off by default (weight = 0.0): rank, `jepa`, recon.",
            ["- Off by default (weight = 0.0): rank, `jepa` (weight = 1.0), recon (weight = 0.5)."],
        ),
        ("Disabled losses:\n- rank and jepa: too slow", ["- rank and jepa (weight = 1): too slow"]),
        ("### Enabled losses\n* jepa, rank", ["* jepa, rank (weight = 0.0)"]),
        ("### Disabled losses\n* jepa (weight = 3), rank", ["* jepa (weight = 1), rank"]),
    ],
)
def test_a_weight_that_a_list_states_wrongly_is_put_in_brackets(
    audit: object, document: Write, lines: str, right: list[str]
) -> None:
    path = document(f"{lines}\n\n| Loss | Updates |\n| - | - |\n| rank | — |\n")
    drifts = against(audit, path).drifts
    assert {drift.kind for drift in drifts} == {DriftKind.WEIGHT}
    assert all("--update" in drift.remedy for drift in drifts)
    assert corrected(audit, path) == right
    stated = read_statements(path.read_text(encoding="utf-8"), tuple(WEIGHTS), {})
    assert {"jepa", "rank"} <= {one.name for one in stated}


def test_a_document_that_was_complete_is_completed(audit: object, document: Write) -> None:
    path = document("")
    for file, text in updated_texts(audit, path).items():
        file.write_text(text, encoding="utf-8", newline="")
    assert against(audit, path, complete=True).passed
    new = replace(audit, losses=("jepa",), known=("jepa",))
    assert stays_complete(new, path)
    path.write_text(path.read_text(encoding="utf-8").replace("| `rank` | — | — | |\n", ""), encoding="utf-8")
    assert not stays_complete(audit, path)


@pytest.mark.parametrize(
    "header",
    [
        "Loss | Trains",
        "Loss term | Trained modules",
        "Objective | Gradient reaches",
        "Losses | Which parameters move",
        "Loss (weight) | Parameters",
        "Verlust | Aktualisiert",
    ],
)
def test_columns_are_found_by_what_their_headings_mean(audit: object, document: Write, header: str) -> None:
    left, right = header.split(" | ")
    text = "| {} | # | {} |\n| - | - | - |\n| {} | 1 | {} |\n"
    for first, second, loss, updates in (
        (left, right, "jepa", "predictor, h_to_z"),
        (right, left, "predictor", "jepa"),
    ):
        comparison = against(audit, document(text.format(first, second, loss, updates)))
        assert [drift.module for drift in comparison.drifts] == (["h_to_z"] if loss == "predictor" else [])


@pytest.mark.parametrize("header", ["Loss | Reads", "Loss | Not updated", "Loss | Frozen modules", "Step | Owner"])
def test_other_columns_are_not_taken_for_what_is_updated(audit: object, document: Write, header: str) -> None:
    with pytest.raises(AuditError, match="no table of the gradient flow"):
        against(audit, document(f"| {header} |\n| - | - |\n| {'jepa' if 'Loss' in header else 1} | predictor |\n"))


def test_a_list_is_a_table_too(audit: object, document: Write) -> None:
    text = "- `jepa` -> predictor (via h), h_to_z\n- recon: updates encoder\n\nProse: with recon all is well.\n"
    path = document(text)
    (drift,) = against(audit, path).drifts
    assert (drift.loss, drift.module, drift.row.line if drift.row else 0) == ("recon", "decoder", 2)
    assert corrected(audit, path) == ["- recon: updates encoder, decoder"]
    new = updated_texts(audit, path)[path]
    assert "- recon: updates encoder, decoder\n- `rank`: updates —\n" in new


@pytest.mark.parametrize(
    ("cell", "passes"),
    [
        ("encoder, decoder, predictor only if `gate_a=True`", True),
        ("encoder (unless gate_a=True), decoder", True),
        ("encoder, decoder (only with gate_a=True)", False),
        ("encoder, decoder (gate_a=True changes that)", True),
    ],
)
def test_what_holds_at_some_gates_only_is_not_taken_for_the_default(
    audit: object, document: Write, cell: str, passes: bool
) -> None:
    assert against(audit, document(f"| Loss | Updates |\n| - | - |\n| recon | {cell} |\n")).passed is passes


GATES = {"gate_a": (False, True), "mode": ("max", "mean")}


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("- jepa: 1.0, rank: 2e-1", [("jepa", "1.0"), ("rank", "2e-1")]),
        ("- **jepa** (weight 0.3): predicts", [("jepa", "0.3")]),
        ("The weight of it all: jepa", []),
        ("jepa = 0.5 would be too little.", []),
        ("- jepa: 3 terms", []),
        ("## Disabled losses\n- jepa, recon\n- rank — ranks", [("jepa", "0"), ("recon", "0"), ("rank", "0")]),
        ("## What if\n- jepa = 3", []),
        ("```\njepa = 3\n```", []),
        ("By default `gate_a` is False.", [("gate_a", "False")]),
        ("`mode` defaults to `mean`", [("mode", "mean")]),
        ("- `gate_a=True` (default: False)", [("gate_a", "False")]),
        ("- `gate_a=True`: opens\n- `gate_a=False`: closes", []),
        ("If `gate_a = True`, all is different.", []),
        ("| Switch | Default |\n| - | - |\n| gate_a | `False` |", [("gate_a", "False")]),
        ("| Loss | Weight |\n| - | - |\n| jepa, rank | 0.1 |", [("jepa", "0.1"), ("rank", "0.1")]),
    ],
)
def test_statements(text: str, stated: list[tuple[str, str]]) -> None:
    found = read_statements(text, ("jepa", "recon", "rank"), GATES)
    assert [(one.name, one.value) for one in found] == stated
