"""SVG: legible on light and dark pages, with hints, safe with any name."""

import json
import re
from xml.etree import ElementTree

import pytest
from torch import nn, rand

from audits import Target
from audits.diagram import palette
from audits.diagram.composing import compose
from audits.diagram.contrast import contrast
from audits.diagram.drawing import source, written
from audits.diagram.matrix import Matrix, matrix
from audits.diagram.mermaid import mermaid
from audits.diagram.page import Sheet, page
from audits.diagram.picture import Picture
from audits.diagram.svg import fingerprint, svg
from audits.legend import Legend
from jepa_world_model.gradient_flow.target import LEGEND
from tests.audits.diagram.nasty import NASTY, nasty
from tests.audits.diagram.small import small
from tests.audits.diagram.world import OPEN, surveyed, world

SVG = "{http://www.w3.org/2000/svg}"


def drawings() -> dict[str, Picture | Matrix]:
    return {
        "default": compose(world(), LEGEND),
        "comparison": contrast(world(OPEN), world(), LEGEND, title="beside"),
        "matrix": matrix(world(OPEN), LEGEND, title="matrix", other=world()),
        "small": compose(*small()),
    }


@pytest.fixture(params=["default", "comparison", "matrix", "small"])
def drawing(request: pytest.FixtureRequest) -> Picture | Matrix:
    return drawings()[request.param]


def colours(text: str) -> set[str]:
    return set(re.findall(r'(?:fill|stroke)="([^"]+)"', text)) - {"none"}


def test_every_colour_has_a_twin_for_dark_pages(drawing: Picture | Matrix) -> None:
    text = svg(source(drawing))
    dark = text.partition("prefers-color-scheme:dark")[2].partition("</style>")[0]
    assert colours(text)
    for colour in colours(text):
        assert f'[fill="{colour}"]' in dark


def test_no_two_colours_are_alike_on_light_pages_but_not_on_dark_ones() -> None:
    twins: dict[str, set[str]] = {}
    for colour in palette.known():
        twins.setdefault(colour.light, set()).add(colour.dark)
    assert all(len(found) == 1 for found in twins.values())


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_text_can_be_read(ground: str) -> None:
    """A contrast of 4.5 to 1, as WCAG 2.2 asks of text (success criterion 1.4.3), 3 to 1 for what is not read."""

    def on(colour: palette.Colour, under: palette.Colour) -> float:
        one, two = sorted((luminance(getattr(each, ground)) for each in (colour, under)), reverse=True)
        return (one + 0.05) / (two + 0.05)

    grounds = [palette.PAPER, palette.BOX, *map(palette.tint, palette.FAMILIES)]
    grounds += [
        palette.shade(colour, strength) for colour in palette.FAMILIES for strength in range(len(palette.SHADES))
    ]
    assert min(on(palette.INK, under) for under in grounds) >= 4.5
    assert min(on(ink, palette.PAPER) for ink in (palette.MUTED, palette.CUT, palette.GATE)) >= 4.5
    assert min(on(colour, palette.PAPER) for colour in (*palette.FAMILIES, palette.ADDED, palette.REMOVED)) >= 3


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_nothing_links_to_elsewhere(drawing: Picture | Matrix) -> None:
    text = svg(source(drawing))
    assert "href" not in text
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_hints_say_whose_gradient_an_arrow_is() -> None:
    root = ElementTree.fromstring(svg(source(compose(*small()))))
    hints = {group.get("id"): group.findtext(f"{SVG}title") for group in root.iter(f"{SVG}g")}
    assert hints["module_critic"] == "updated by value"
    assert "gradient of value, which ends here" in hints.values()
    assert any(
        hint and re.fullmatch(r"gradient of value ends at \S*small.py:\d+ z.detach\(\)", hint)
        for hint in hints.values()
    )


def test_fields_of_a_heat_map_say_what_they_are() -> None:
    text = svg(source(matrix(small()[0], small()[1], title="small")))
    assert "<title>value: critic: live</title>" in text
    assert "<title>value: encoder: absent cut at " in text


def test_it_says_what_it_was_made_from() -> None:
    one, other = source(compose(world(), LEGEND)), source(compose(world(OPEN), LEGEND))
    assert f'data-source="{fingerprint(one)}"' in svg(one)
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("format", ["svg", "png", "pdf", "dot"])
def test_the_same_drawing_gives_the_same_bytes(format: str) -> None:
    first = written(compose(*small()), format)
    assert first == written(compose(*small()), format)
    begin = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}[format]
    assert first.startswith(begin)


def test_any_name_is_drawn_as_it_is() -> None:
    picture, heat = compose(*nasty()), matrix(*nasty(), title="<&>")
    texts = "\n".join("".join(element.itertext()) for element in ElementTree.fromstring(svg(source(picture))).iter())
    for name in NASTY:
        assert f"of {name}" in texts
    ElementTree.fromstring(svg(source(heat)))
    data = page([Sheet(picture, {})], {}).partition('id="data">')[2].partition("</script>")[0]
    assert [sheet["title"] for sheet in json.loads(data)["sheets"]] == [picture.title]  # it ends where it should
    assert "<!" not in data
    body = [line for line in mermaid(picture).splitlines() if "-->" in line or "<-->" in line]
    assert len(body) == len(picture.arrows)


def test_names_that_differ_only_in_letters_that_an_identifier_lacks() -> None:
    modules = {name: nn.Linear(2, 2) for name in ("ẑ", "ž", "z-1", "z.1")}
    target = Target(modules, lambda x: {"loss": sum(m(x).mean() for m in modules.values())}, batches=[rand(2, 2)])
    text = svg(source(compose(surveyed(target), Legend())))
    assert text.count('class="node module') == len(modules)
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))
