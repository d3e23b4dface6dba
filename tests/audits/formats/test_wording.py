"""Phrases that the reports share."""

from itertools import product
from typing import Any

import pytest

from audits.formats.wording import at_settings, counted, exact, extent
from audits.result import Audit, Cell, Flow, Setting, Status

DEFAULTS = {"a": True, "b": False, "c": 0}
LABELS = ["default", "b=True", "a=False", "a=False, b=True"]


@pytest.fixture
def switched() -> Audit:
    """Two gates audited at all four settings, a third one always at its default."""
    settings = [Setting({"a": a, "b": b, "c": 0}, DEFAULTS) for a, b in product((True, False), (False, True))]
    assert [setting.label for setting in settings] == LABELS
    cells = {("fit", "encoder"): Cell("fit", "encoder", Status.LIVE)}
    return Audit("toy", {}, ("fit",), ("encoder",), tuple(Flow(setting, cells, {}) for setting in settings))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS, "at all 4 settings"),
        (LABELS[::-1], "at all 4 settings"),
        (LABELS[:1], "at default"),
        (LABELS[3:], "at a=False, b=True"),
        (["default", "b=True"], "at the 2 settings with a=True"),
        (["b=True", "a=False, b=True"], "at the 2 settings with b=True"),
        (["default", "a=False, b=True"], "at default; a=False, b=True"),
        (LABELS[:3], "at default; b=True; a=False"),
        (["default", "b=Maybe"], "at default; b=Maybe"),
        ([*LABELS, "b=Maybe"], "at default; b=True; a=False; a=False, b=True; b=Maybe"),
        ([], ""),
    ],
)
def test_settings_in_words(labels: list[str], words: str, switched: Audit) -> None:
    assert at_settings(labels, switched) == words


def test_without_gates_there_is_no_setting_to_name(switched: Audit) -> None:
    only = Flow(Setting({}, {}), switched.flows[0].cells, {})
    plain = Audit("toy", {}, ("fit",), ("encoder",), (only,))
    assert at_settings(["default"], plain) == ""
    assert at_settings(["b=True"], plain) == "at b=True"


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(1, "loss", "1 loss"), (30, "loss", "30 losses"), (0, "drift", "0 drifts"), (1200, "cell", "1,200 cells")],
)
def test_a_noun_agrees_with_its_number(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_the_extent_names_the_setting_only_where_there_are_gates(switched: Audit) -> None:
    flow = switched.flows[1]
    plain = Flow(Setting({}, {}), flow.cells, {})

    def alone(only: Flow) -> Any:
        return Audit("toy", {}, ("fit",), ("encoder",), (only,))

    assert extent(switched) == "1 loss x 1 module at 4 gate settings"
    assert extent(alone(flow)) == "1 loss x 1 module at b=True"
    assert extent(alone(plain)) == "1 loss x 1 module"


@pytest.mark.parametrize("count", [0, 2**53, 2**53 + 1, 10**4000, 2**20_000], ids=int.bit_length)
def test_a_count_is_exact_at_any_size(count: int) -> None:
    shown = exact(count, limit=2**53)
    assert isinstance(shown, str) == (count > 2**53)
    assert (int(shown, 0) if isinstance(shown, str) else shown) == count
