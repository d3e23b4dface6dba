"""The comment on a pull request, rendered as CommonMark with tables."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audits.drift import Drift
from audits.formats import FORMATS
from audits.formats.markdown_comment import LONGEST_COMMENT
from audits.formats.markdown_text import bold, code, table, text
from audits.result import Audit, Cell, Flow, Setting, Status

RENDERER = MarkdownIt("commonmark").enable("table")
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" \n|`\\*_<>&@#[]"))


def rendered(markdown: str) -> str:
    return RENDERER.render(markdown)


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def cells(html: str) -> list[list[str]]:
    return [[words(cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)] for row in html.split("<tr>")[1:]]


@pytest.mark.slow
@given(PRINTABLE)
@example("a &lt; b &amp; c")
def test_text_is_shown_literally(anything: str) -> None:
    for cell in (text(anything), bold(anything) if anything.strip() else ""):
        ((shown,),) = cells(rendered(table([cell], [])))
        assert shown == " ".join(anything.split())


@given(PRINTABLE.filter(lambda anything: "\\|" not in anything))
def test_code_is_shown_literally(anything: str) -> None:
    ((shown,),) = cells(rendered(table([code(anything)], [])))
    assert shown == " ".join(anything.split())


@pytest.mark.parametrize("mention", ["@torch.no_grad()", "see #12", "a @torch b"])
def test_nobody_is_notified(mention: str) -> None:
    assert not re.search(r"[@#]\w", text(mention))


def test_the_verdict_comes_first(compared: Callable, make_drift: Callable[..., Drift]) -> None:
    first = words(rendered(FORMATS["markdown"](compared())).splitlines()[0])
    assert first == "Gradient flow of toy: as documented (2 losses x 2 modules at 2 gate settings)"
    first = words(rendered(FORMATS["markdown"](compared(make_drift()))).splitlines()[0])
    assert first.startswith("Gradient flow of toy: 1 drift (")


def test_the_table_shows_the_first_setting(compared: Callable) -> None:
    comparison = compared()
    shown = cells(rendered(FORMATS["markdown"](comparison)))[:3]
    assert shown == [["", "encoder", "head|tail"], ["fit", "·", "●"], ["align", "○", "◐"]]


def test_the_legend_explains_what_occurs(compared: Callable) -> None:
    paragraphs = re.findall(r"<p>(.*?)</p>", rendered(FORMATS["markdown"](compared())))
    assert [line for line in paragraphs if "live" in line] == [
        "● live, ◐ idle: live on another batch, ○ vacuous: zero or rounding noise, · absent"
    ]


def test_what_drifts_is_marked_and_told(make_drift: Callable[..., Drift], compared: Callable) -> None:
    whole = make_drift(loss="align", module="", place=None)
    html = rendered(FORMATS["markdown"](compared(make_drift(), whole)))
    rows = cells(html)
    assert rows[1:3] == [["fit", "[·]", "●"], ["[align]", "○", "◐"]]
    assert "[ ] drifts" in words(html)
    told = next(row for row in rows if row[:2] == ["fit", "encoder"])
    assert told[2] == "unexpected: expected no update of encoder, found live"
    assert told[3:] == [
        "path: fit <- encoder",
        "trainer/my states.py:88docs/flow.md:12",
        "Restore the stop.",
        "at default",
    ]


def test_other_settings_are_folded(make_drift: Callable[..., Drift], compared: Callable) -> None:
    html = rendered(FORMATS["markdown"](compared(make_drift(settings=("closed=False",)))))
    assert "<details><summary>closed=False: 4 cells differ from default, 1 drift</summary>" in html
    folded = html.partition("<details>")[2].partition("</details>")[0]
    assert cells(folded)[1:] == [["fit", "[❄]", "▽"], ["align", "!", "?"]]


def wide(audit: Audit, settings: int) -> Audit:
    """The audit with many settings and many losses, half of the cells other than at the first setting."""
    losses = tuple(f"loss_{number}" for number in range(40))

    def flow(number: int) -> Flow:
        statuses = (Status.ABSENT, Status.LIVE if number else Status.ABSENT)
        flows = {
            (loss, module): Cell(loss, module, status)
            for loss in losses
            for module, status in zip(audit.modules, statuses, strict=True)
        }
        return Flow(Setting({"depth": number}, {"depth": 0}), flows, {})

    return replace(audit, losses=losses, flows=tuple(map(flow, range(settings))))


def test_a_comment_is_never_too_long_for_github(compared: Callable, audit: Audit) -> None:
    comment = FORMATS["markdown"](replace(compared(), audit=wide(audit, 100)))
    folded = re.findall("<details>.*?</details>", comment, re.S)
    assert LONGEST_COMMENT - max(map(len, folded)) - 10 < len(comment) <= LONGEST_COMMENT
    assert comment.endswith(f"\n\n{99 - len(folded)} further settings: `--format json` has them.\n")


def test_a_comment_that_fits_leaves_nothing_out(compared: Callable, audit: Audit) -> None:
    comment = FORMATS["markdown"](replace(compared(), audit=wide(audit, 10)))
    assert comment.count("<details>") == 9
    assert "further" not in comment


def test_many_drifts_are_counted(make_drift: Callable[..., Drift], compared: Callable) -> None:
    drifts = [make_drift(reason=f"reason {number}.") for number in range(25)]
    shown = words(rendered(FORMATS["markdown"](compared(*drifts))))
    assert "reason 19." in shown
    assert "reason 20." not in shown
    assert "and 5 more drifts: --format json has all." in shown


def test_notes_are_told_once(compared: Callable) -> None:
    html = rendered(FORMATS["markdown"](compared(notes=("in float64", "no lock file"))))
    assert re.findall("<li>(.*?)</li>", html) == ["in float64", "no lock file"]


def test_a_summary_shows_names_as_they_are(compared: Callable, audit: Any) -> None:
    odd: Any = Setting({"a_b<c>": 1}, {"a_b<c>": 0})
    flows = (audit.flows[0], replace(audit.flows[1], setting=odd))
    html = rendered(FORMATS["markdown"](replace(compared(), audit=replace(audit, flows=flows))))
    assert "<summary>a_b&lt;c&gt;=1: 4 cells differ from default</summary>" in html
