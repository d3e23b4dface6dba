"""How a summary puts what became of a loss."""

import pytest

from jepa_world_model.training.summary import verdict


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (2.0, 1.0, "fell 2 x"),
        (1.0, 2.5, "rose 2.5 x"),
        (1.0, 1.0, "unchanged"),
        (1.0, 1.001, "about the same"),
        (1.001, 1.0, "about the same"),
        (1.0, 1.02, "rose 1.02 x"),
        (1.0, 0.0, "fell to 0"),
        (0.0, 1.0, "rose from 0"),
    ],
)
def test_a_change_that_nobody_would_see_is_none(before: float, after: float, words: str) -> None:
    assert verdict(before, after) == words
