"""What a page names is there: files, targets of make, the pages of the site. The README stays short."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\(([^()#:\s]+\.\w+)[)#]")
NAMED = re.compile(r"`((?:\.ci|audits|benchmarks|docs|examples|jepa_cli|jepa_world_model|tests)/[\w./-]*)`")
"""A file or folder of the project between backticks."""
TARGET = re.compile(r"(?:`|^)make ((?:[a-z]+ ?)+)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    assert missing_links(page.read_text(encoding="utf-8"), page.parent) == []


def test_a_link_to_nothing_is_noticed() -> None:
    text = "[Pictures](pictures.md#formats), [nothing](no_such_page.md), [a site](https://example.org)"
    assert missing_links(text, ROOT / "docs") == ["no_such_page.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    """But for the log, which tells of what was."""
    if page.name != "log.md":
        named = NAMED.findall(page.read_text(encoding="utf-8"))
        assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_target_of_make_that_is_named_exists() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name for page in PAGES for found in TARGET.findall(page.read_text(encoding="utf-8")) for name in found.split()
    }
    assert {"lint", "site", "test"} <= named
    assert named - there == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def missing_links(text: str, folder: Path) -> list[str]:
    """Links to files that do not exist."""
    return [link for link in LINK.findall(text) if not (folder / link).exists()]
