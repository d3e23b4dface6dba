import numpy as np
import pytest

from jepa_world_model.data.spec import ActionKind, infer_action_kind, parse_action_kind
from jepa_world_model.errors import UserError


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[0, 1, 0], [1, 0, 0]], ActionKind.ONE_HOT),
        ([[0, 0, 0], [0, 0, 0]], ActionKind.ONE_HOT),
        ([[0, 1, 0], [1, 0, 1]], ActionKind.MULTI_HOT),
        ([[0, 1, 0], [1, 0, 0.5]], ActionKind.REAL),
        ([[0, -1, 0]], ActionKind.REAL),
        ([[np.nan, 0, 1]], ActionKind.REAL),
    ],
)
def test_kind_is_read_off_the_values(rows: list[list[float]], kind: ActionKind) -> None:
    assert infer_action_kind([np.array(rows)]) is kind


def test_one_episode_decides_for_all() -> None:
    one_hot, buttons, real = np.eye(3), np.ones((1, 3)), np.full((1, 3), 2.0)
    assert infer_action_kind([one_hot, buttons, one_hot]) is ActionKind.MULTI_HOT
    assert infer_action_kind([one_hot, buttons, real]) is ActionKind.REAL


def test_unknown_kind_lists_the_valid_ones_and_the_nearest() -> None:
    with pytest.raises(UserError, match=r"multi-hot, one-hot, real.*did you mean 'one-hot'"):
        parse_action_kind("onehot")
