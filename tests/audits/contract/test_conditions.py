"""Conditions on gates."""

import pytest

from audits.contract.conditions import conditions_text, read_conditions

GATES = {
    "detach": (False, True),
    "detach_h": (True, False),
    "mode": ("max", "max and mean", "1,5"),
    "size": (1, 1.5, (1, 2)),
    "case": ("x", "X"),
}


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("detach=True", {("detach", "True")}),
        ("`detach = true`", {("detach", "True")}),
        ("detach==TRUE", {("detach", "True")}),
        ("`detach=True`, `detach_h=False`", {("detach", "True"), ("detach_h", "False")}),
        ("detach=True and detach_h=False", {("detach", "True"), ("detach_h", "False")}),
        ("**detach=True** + detach_h=False (the default)", {("detach", "True"), ("detach_h", "False")}),
        ("mode=max and mean, detach=True", {("mode", "max and mean"), ("detach", "True")}),
        ("mode=1,5", {("mode", "1,5")}),
        ("size=1.5", {("size", "1.5")}),
        ("size=1.", {("size", "1")}),
        ("size=(1, 2) and detach=False", {("size", "(1, 2)"), ("detach", "False")}),
        ("case=X", {("case", "X")}),
        ("detach=True, detach=True", {("detach", "True")}),
    ],
)
def test_accepted(text: str, pairs: set[tuple[str, str]]) -> None:
    assert read_conditions(text, GATES) == (pairs, [])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("detahc=True", "unknown gate 'detahc': did you mean 'detach'?"),
        ("detach=Tru", "unknown value 'Tru' of gate 'detach': did you mean 'True'?"),
        ("size=15", "unknown value '15' of gate 'size'"),
        ("detach=True and detahc=True", "unknown gate 'detahc'"),
        ("detach=True unless mode=max", "found 'unless'"),
        ("detach", "expected a gate with its value, such as detach=True, found 'detach'"),
        ("", "expected a gate with its value"),
        ("—", "expected a gate with its value"),
        ("detach=True, detach=False", "gate 'detach' has two values"),
    ],
)
def test_refused(text: str, part: str) -> None:
    assert part in "; ".join(read_conditions(text, GATES)[1])


def test_the_text_of_conditions_reads_back() -> None:
    conditions = frozenset({("detach_h", "False"), ("size", "(1, 2)"), ("mode", "max and mean")})
    text = conditions_text(conditions, GATES)
    assert text == "`detach_h=False`, `mode=max and mean`, `size=(1, 2)`"
    assert read_conditions(text, GATES) == (conditions, [])
