"""The pictures of the documentation are those of the code: stale ones fail here, and `make docs` draws them anew."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from audits.diagram.svg import fingerprint
from tests.docs.pages import COMMANDS, ROOT

pytestmark = pytest.mark.slow

STALE = "stale: run `make docs`"


def embed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("embed", ROOT / "docs" / "embed.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EMBED = embed()


@pytest.mark.parametrize("page", EMBED.PAGES, ids=lambda page: page.name)
def test_what_a_page_embeds_is_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert EMBED.EMBEDDED.search(text)
    assert EMBED.embedded(text) == text, STALE


def test_the_reference_has_every_command() -> None:
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"<!-- $ jepa {name} --help -->" not in page] == []


def test_a_stale_page_is_noticed() -> None:
    page = "<!-- $ jepa render-flow --format mermaid -->\n```mermaid\nflowchart LR\n```\n"
    assert EMBED.embedded(page) != page


@pytest.mark.parametrize("picture", [name for name in EMBED.PICTURES if "matrix" not in name])
def test_a_picture_is_fresh(picture: str) -> None:
    """Positions differ with the fonts of a machine; what they were made from does not."""
    source = EMBED.output(f"{EMBED.PICTURES[picture]} --format dot")
    assert f'data-source="{fingerprint(source)}"' in (ROOT / picture).read_text(encoding="utf-8"), STALE


def test_the_heat_map_is_fresh() -> None:
    """But for its numbers, which differ with the arithmetic of a processor."""
    (picture,) = (name for name in EMBED.PICTURES if "matrix" in name)
    source = EMBED.output(f"{EMBED.PICTURES[picture]} --format dot")
    hints = re.findall(r'title="(\w+: \w+: \w+)', source)
    root = ElementTree.parse(ROOT / picture).getroot()
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert [hint for title in titles for hint in re.findall(r"^\w+: \w+: \w+", title)] == hints, STALE


def test_every_picture_is_shown_and_every_shown_one_is_there() -> None:
    shown: set[str] = set()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / path).is_file(), f"{page.name}: {path}"
            shown.add(str((page.parent / path).resolve().relative_to(ROOT)))
    assert set(EMBED.PICTURES) <= shown


def test_no_picture_tells_of_the_machine_that_drew_it() -> None:
    for picture in EMBED.PICTURES:
        assert not re.search(r"/(home|root|work|tmp|Users)/", (ROOT / picture).read_text(encoding="utf-8"))
