"""The site: it builds without a warning, needs nothing from other hosts, and a broken link fails the build."""

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.slow

mkdocs = pytest.importorskip("mkdocs.exceptions", reason="needs the extra docs")

SOURCES = ("docs", "examples", "audits", "jepa_world_model")
FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"?(?:https?:)?//[^\s\">]+")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the site is built from."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_it_builds_and_needs_no_other_host(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = built(project, monkeypatch)
    pages = {page.relative_to(site).as_posix(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert {"index.html", "contributing.html", "reference/audits.html"} <= pages.keys()
    assert "Number of paths in the autograd graph" in pages["reference/audits.html"]
    assert {name: found for name, text in pages.items() if (found := FETCHED.findall(text))} == {}
    assert FETCHED.search('<script src="https://unpkg.com/mermaid"></script>')


@pytest.mark.parametrize("link", ["[nothing](no_such_page.md)", "[nowhere](pictures.md#no-such-heading)"])
def test_a_broken_link_fails_the_build(link: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = project / "docs" / "runs.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\n{link}\n", encoding="utf-8")
    with pytest.raises(mkdocs.Abort, match="strict mode"):
        built(project, monkeypatch)


def built(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build the site of a project. Raises Abort if anything is warned of."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    monkeypatch.chdir(project)
    config = load_config(str(project / "mkdocs.yml"))
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    finally:
        config.plugins.on_shutdown()
    return project / "site"
