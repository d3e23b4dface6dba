"""The page in a real browser: pointing at a loss or a module lights up its flow, and nothing goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audits import audit
from audits.diagram.composing import compose
from audits.diagram.contrast import contrast
from audits.diagram.matrix import matrix
from audits.diagram.page import Sheet, page
from audits.diagram.picture import Picture
from audits.diagram.survey import Survey, surveys
from jepa_world_model.gradient_flow.target import LEGEND
from tests.audits.diagram.browser import DRIVER, PROGRAM, Reader, reading
from tests.audits.diagram.nasty import nasty
from tests.audits.diagram.small import small
from tests.audits.diagram.world import ENABLED, OPEN, world, world_target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROGRAM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Reader]:
    with reading() as reader:
        yield reader


@pytest.fixture(scope="module")
def settings() -> list[Survey]:
    target = world_target()
    return surveys(target, audit(target, settings="all", losses=ENABLED))


@pytest.fixture
def reader(browser: Reader, settings: list[Survey], tmp_path: Path) -> Iterator[Reader]:
    """At a page of the world model at all its gates, which must not raise an error."""
    sheets = [Sheet(compose(survey, LEGEND), survey.flow.setting.values) for survey in settings]
    (tmp_path / "flow.html").write_text(page(sheets, world_target().gates), encoding="utf-8")
    browser.open(tmp_path / "flow.html")
    yield browser
    assert browser.errors() == []


def updates(reader: Reader) -> list[str]:
    """What the page says in words of a loss."""
    facts = reader.facts()
    return facts[facts.index("updates") + 1 : facts.index("its gradient ends at")]


def test_it_shows_a_picture_and_asks_for_nothing_else(reader: Reader) -> None:
    assert len(reader.all("#sheet svg")) == 1
    assert reader.fetched() == []
    assert reader.lit() == set()


@pytest.mark.parametrize("loss", ["rollout_kstep_h", "z2h", "action_delta_dp"])
def test_a_click_on_a_loss_keeps_its_flow_lit(loss: str, reader: Reader, settings: list[Survey]) -> None:
    reader.button(loss).click()
    reader.look_away()
    modules = set(settings[0].flow.updated(loss))
    assert {box for box in reader.lit() if box.startswith("module_")} == {f"module_{module}" for module in modules}
    assert set(updates(reader)) == modules
    reader.button(loss).click()
    reader.look_away()
    assert reader.lit() == set()


def test_a_line_in_a_box_of_losses_is_one_of_them(reader: Reader) -> None:
    reader.text_in("loss_rollout_kstep_h", "rollout_kstep_delta_h").click()
    assert reader.facts()[0] == "rollout_kstep_delta_h"
    assert "loss_rollout_kstep_h" in reader.lit()
    assert "loss_jepa" not in reader.lit()


def test_pointing_lights_up_and_looking_away_lets_go(reader: Reader) -> None:
    reader.point_at(reader.button("jepa"))
    assert "module_predictor" in reader.lit()
    reader.look_away()
    assert reader.lit() == set()


def test_of_an_arrow_of_several_families_only_one_strand_is_lit(reader: Reader) -> None:
    reader.button("inverse_dynamics_h").click()
    assert reader.all("#sheet .edge.on .off")
    reader.button("jepa").click()
    assert reader.facts()[0] == "jepa"


def test_pointing_at_a_module_shows_who_updates_it(reader: Reader, settings: list[Survey]) -> None:
    reader.point_at(reader.all("#module_predictor text")[0])
    updating = [loss for loss in settings[0].losses if "predictor" in settings[0].flow.updated(loss)]
    assert reader.facts() == ["predictor", "updated by", *updating]
    assert {box for box in reader.lit() if box.startswith("loss_")} == {
        "loss_jepa",  # and h2z, in one box
        "loss_action_delta_h",
        "loss_rollout_kstep_h",
        "loss_inverse_dynamics_h",
    }


def test_a_gate_changes_the_picture_and_keeps_what_is_lit(reader: Reader) -> None:
    reader.button("jepa").click()
    assert set(updates(reader)) == {"predictor", "h_to_z"}
    reader.gate("detach_z_from_h_and_p", "False").click()
    assert set(updates(reader)) == {"predictor", "h_to_z", "encoder"}
    assert "module_encoder" in reader.lit()
    assert reader.gate("detach_z_from_h_and_p", "False").get_attribute("aria-pressed") == "true"
    assert reader.gate("detach_z_from_h_and_p", "True").get_attribute("aria-pressed") == "false"


def test_escape_and_a_click_beside_let_go(reader: Reader) -> None:
    reader.button("jepa").click()
    reader.look_away()
    reader.escape()
    assert reader.lit() == set()
    reader.button("jepa").click()
    reader.all("#sheet svg .cluster text")[0].click()
    reader.look_away()
    assert reader.lit() == set()


OTHERS = {
    "a comparison": lambda: contrast(world(OPEN), world(), LEGEND, title="beside"),
    "a heat map": lambda: matrix(world(), LEGEND, title="heat"),
    "a small trainer": lambda: compose(*small()),
    "names of any kind": lambda: compose(*nasty()),
}


@pytest.mark.parametrize("drawing", OTHERS.values(), ids=OTHERS)
def test_other_drawings_raise_no_errors(drawing: object, browser: Reader, tmp_path: Path) -> None:
    drawn = drawing()  # type: ignore[operator]
    (tmp_path / "other.html").write_text(page([Sheet(drawn, {})], {}), encoding="utf-8")
    browser.open(tmp_path / "other.html")
    assert len(browser.all("#sheet svg")) == 1
    assert not browser.all("#gates button")
    for loss in drawn.losses if isinstance(drawn, Picture) else ():
        browser.button(loss).click()
        assert browser.facts()[0] == loss
    assert browser.errors() == []
