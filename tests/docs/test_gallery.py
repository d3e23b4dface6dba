"""The gallery shows the scripts that it has, and what the audit says of them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from audits.result import Status
from audits.script.request import Script
from audits.script.running import run_script

DOCS = Path(__file__).parents[2] / "docs"
GALLERY = DOCS / "gallery"
ALONE = ("gymnasium_dqn", "mean_teacher")
"""Recipes that need no library but those that this project is developed with."""
SIGNS = {Status.LIVE: "●", Status.ABSENT: "·"}


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "embed", raising=False)
    spec = importlib.util.spec_from_file_location("gallery_pages", DOCS / "gallery_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_page_shows_its_script(maker: ModuleType) -> None:
    for page in maker.pages([]):
        text = page.read_text(encoding="utf-8")
        assert maker.with_scripts(text) == text, f"stale: run `python docs/gallery_pages.py {page.stem}`"
        assert f"<!-- script {page.stem} -->" in text
        assert maker.source(page.stem) in text


def test_each_script_has_a_page_and_each_page_is_in_the_index(maker: ModuleType) -> None:
    names = {page.stem for page in maker.pages([])}
    index = (GALLERY / "index.md").read_text(encoding="utf-8")
    assert names == {script.stem for script in maker.SCRIPTS.glob("*.py")} == set(re.findall(r"\((\w+)\.md\)", index))


@pytest.mark.parametrize("name", ALONE)
def test_a_page_shows_the_table_that_the_audit_makes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pytest"])
    page = (GALLERY / f"{name}.md").read_text(encoding="utf-8")
    audit = run_script(Script(GALLERY / "scripts" / f"{name}.py"))
    columns = re.findall(r"^ *(\S+) ─[┐┼]", page, re.MULTILINE)
    rows = {loss: re.findall(rf"^{loss} +([●◇○❄·][ ●◇○❄·]*)$", page, re.MULTILINE) for loss in audit.losses}
    assert columns == list(audit.modules)
    for loss, shown in rows.items():
        assert [row.split() for row in shown] == [
            [SIGNS[audit.flows[0].cells[loss, module].status] for module in audit.modules]
        ]
