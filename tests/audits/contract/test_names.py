"""Whatever losses, modules and gates are called: what --update writes is read back, and then changes nothing."""

import tempfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.contract import against, updated_texts
from audits.contract.prose import loss_names, losses_of, module_names, modules_of
from audits.contract.quoting import as_code
from audits.result import Audit, Cell, Flow, Setting, Status

HOSTILE = [
    "kl(q||p)", "l2 (reg)", "z*", "a`b", "``", "`x`", "a, b", "a/b", "a & b", "and", "none", "—", "-", "", " ",
    "the head", "only", "head", "not", "no x", "tab\tbed", "two\nlines", "a  b", " lead", "trail ", "a\\|b", "back\\",
    "\\", "|", "||", "[x](y)", "*bold*", "_private_", "__init__", "<br>", "<!-- x", "```", "~~~", "# a", "> q", "- a",
    "1.0", "1. a", "é", "ŷ", "\u2028", "\xa0", "\u200b", "\ud800", "\x00", '"quoted"', '"', "'", "a=b", "x (open",
    "close)", "sg(z)", "\U000f0000", "$x$", "a;b",
]  # fmt: skip
NAME = st.one_of(
    st.sampled_from(HOSTILE), st.text('ab |`*()[]\\_,-\t\n"&/—<!', max_size=6), st.text(max_size=8), st.just("encoder")
)
NAMES = st.lists(NAME, min_size=2, max_size=4, unique=True)
VALUES = st.lists(st.one_of(st.booleans(), NAME), min_size=2, max_size=3, unique_by=str)


def made(losses: list[str], modules: list[str], values: list[object], bits: int) -> Audit:
    """Each loss updates some of the modules, others at each value of the one gate."""
    flows, at = [], 0
    for value in values:
        cells = {}
        for pair in product(losses, modules):
            cells[pair] = Cell(*pair, Status.LIVE if bits >> at & 1 else Status.ABSENT)
            at += 1
        flows.append(Flow(Setting({"gate": value}, {"gate": values[0]}), cells, {}))
    return Audit("t", {}, tuple(losses), tuple(modules), tuple(flows), known=tuple(losses), gates={"gate": values})


@settings(max_examples=60, deadline=None)
@given(NAMES, NAMES, VALUES, st.integers(0, 2**48))
def test_what_is_written_is_read_back(losses: list[str], modules: list[str], values: list[object], bits: int) -> None:
    audit = made(losses, modules, values, bits)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.md"
        for number in (bits, bits >> 5, bits >> 7):
            audit = made(losses, modules, values, number)
            texts = updated_texts(audit, path)
            for file, text in texts.items():
                file.write_bytes(text.encode())
            comparison = against(audit, path, complete=True)
            assert not comparison.drifts
            assert updated_texts(audit, path)[path] == texts[path]


@settings(max_examples=100, deadline=None)
@given(NAMES)
def test_each_name_alone_and_all_in_one_cell(names: list[str]) -> None:
    for lexicon, read in ((losses_of(names), loss_names), (modules_of(names), module_names)):
        for code in (False, True):
            for name in names:
                assert read(lexicon.written(name, code=code), names) == ([name], [])
            cell = ", ".join(lexicon.written(name, code=code) for name in names)
            assert read(cell, names) == (names, [])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("kl(q||p)", "`kl(q||p)`"),
        ("a`b", "``a`b``"),
        ("`x`", "`` `x` ``"),
        ("two\nlines", '`"two\\nlines"`'),
        ("a\\|b", '`"a\\\\\\u007cb"`'),
        ("", '`""`'),
    ],
)
def test_code_spans(name: str, written: str) -> None:
    assert as_code(name) == written
