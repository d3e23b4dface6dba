"""What the documentation takes from the code is as the code has it."""

from pathlib import Path

from jepa_world_model.losses import LOSSES
from jepa_world_model.losses.documentation import losses_markdown
from jepa_world_model.training.alarms_reference import alarms_markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_losses_is_fresh() -> None:
    assert (DOCS / "losses.md").read_text(encoding="utf-8") == losses_markdown(), "stale: run `make docs`"


def test_the_page_has_a_row_for_each_loss() -> None:
    rows = [line for line in losses_markdown().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == sorted(LOSSES, key=lambda name: not LOSSES[name].weight)


def test_the_page_of_alarms_is_fresh() -> None:
    assert (DOCS / "alarms.md").read_text(encoding="utf-8") == alarms_markdown(), "stale: run `make docs`"
