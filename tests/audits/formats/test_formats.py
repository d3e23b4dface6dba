"""What holds for every format."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audits.contract import Comparison
from audits.formats import FORMATS

ROOT = Path(__file__).parents[3]
NAMES = ["json", "csv", "markdown", "junit", "sarif", "github"]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(run.stdout.split())


def test_the_formats_of_the_command() -> None:
    assert list(FORMATS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_format_is_stable_text_that_ends_its_last_line(name: str, every_kind: Comparison, compared: Callable) -> None:
    for comparison in (every_kind, compared()):
        text = FORMATS[name](comparison)
        assert text == FORMATS[name](comparison)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "csv"])
def test_a_format_tells_of_each_drift(name: str, every_kind: Comparison) -> None:
    text = FORMATS[name](every_kind).replace("\\", "")
    for drift in every_kind.drifts:
        for part in (drift.kind, drift.loss, drift.expected, "Restore the stop."):
            assert part in text


def test_a_format_is_loaded_when_it_is_used() -> None:
    before = loaded_by("from audits.formats import FORMATS")
    assert "audits.formats.sarif_log" not in before
    use = "from audits.formats import FORMATS\ntry: FORMATS['sarif'](None)\nexcept AttributeError: pass"
    after = loaded_by(use)
    assert "audits.formats.sarif_log" in after
    assert not {"pandas", "rich", "audits.formats.csv_table"} & after
