"""Actions read back are measured by what actions are: buttons, one choice with NOOP, or real numbers."""

from collections.abc import Callable
from math import exp, log

import pytest
import torch
from torch import Tensor

from jepa_world_model.data.spec import ActionKind
from jepa_world_model.losses import LOSSES
from jepa_world_model.losses.inverse_dynamics import action_loss
from jepa_world_model.states import States

HEADS = ["inverse_dynamics_h", "inverse_dynamics_z", "inverse_dynamics_p", "inverse_dynamics_dp"]

HAND = [
    # one-hot: -log softmax over (logits, 0); the last class is NOOP
    (ActionKind.ONE_HOT, [[0, 0]], [[0, 0]], log(3)),
    (ActionKind.ONE_HOT, [[0, 0]], [[0, 1]], log(3)),
    (ActionKind.ONE_HOT, [[log(2), 0]], [[1, 0]], log(2)),
    (ActionKind.ONE_HOT, [[log(2), 0]], [[0, 0]], log(4)),
    (ActionKind.ONE_HOT, [[log(2), 0], [0, 0]], [[1, 0], [0, 0]], (log(2) + log(3)) / 2),
    (ActionKind.ONE_HOT, [[-50]], [[0]], 0),
    # multi-hot: each button by itself
    (ActionKind.MULTI_HOT, [[0, 0]], [[1, 0]], log(2)),
    (ActionKind.MULTI_HOT, [[log(3), log(3)]], [[1, 1]], log(4 / 3)),
    (ActionKind.MULTI_HOT, [[log(3), log(3)]], [[1, 0]], (log(4 / 3) + log(4)) / 2),
    (ActionKind.MULTI_HOT, [[-50, -50]], [[0, 0]], exp(-50)),
    # real: squared distance
    (ActionKind.REAL, [[1, 2]], [[1, 2]], 0),
    (ActionKind.REAL, [[1, 2]], [[0, 0]], 2.5),
    (ActionKind.REAL, [[1, 2], [0, 0]], [[0, 0], [0, -1]], 1.5),
]


@pytest.mark.parametrize(("kind", "read", "taken", "expected"), HAND)
def test_hand_numbers(kind: ActionKind, read: list, taken: list, expected: float) -> None:
    tensors = (torch.tensor(rows, dtype=torch.float64) for rows in (read, taken))
    assert float(action_loss(*tensors, kind)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("kind", ActionKind)
def test_batch_and_time_are_averaged_alike(kind: ActionKind) -> None:
    random = torch.Generator().manual_seed(0)
    read = torch.randn(2, 3, 4, generator=random)
    taken = torch.eye(5, 4)[torch.randint(0, 5, (2, 3), generator=random)]
    alone = [action_loss(read[b, t : t + 1], taken[b, t : t + 1], kind) for b in range(2) for t in range(3)]
    assert torch.allclose(action_loss(read, taken, kind), torch.stack(alone).mean())


@pytest.mark.parametrize("kind", ActionKind)
def test_reading_the_action_better_costs_less(kind: ActionKind) -> None:
    taken = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    right, wrong = taken - 0.5 * (kind is not ActionKind.REAL), taken.flip(-1).roll(1, 0)
    nearer = [action_loss(right * share + wrong * (1 - share), taken, kind) for share in (0.0, 0.5, 1.0)]
    assert nearer[0] > nearer[1] > nearer[2]


def test_every_button_of_a_multi_hot_action_is_read() -> None:
    """Cross-entropy would share one probability among the buttons; here both may be certain."""
    both = torch.tensor([[1.0, 1.0]])
    assert action_loss(50 * both, both, ActionKind.MULTI_HOT) < 1e-12


@pytest.mark.parametrize("kind", ActionKind)
@pytest.mark.parametrize("name", HEADS)
def test_each_head_is_measured_by_the_kind_of_the_data(
    name: str, kind: ActionKind, make_states: Callable[..., States]
) -> None:
    states = make_states()
    states.action_kind = kind
    assert torch.equal(LOSSES[name](states), action_loss(read_by(name, states), states.a[:, :-1], kind))


def read_by(name: str, states: States) -> Tensor:
    state = {"inverse_dynamics_h": states.h, "inverse_dynamics_z": states.z, "inverse_dynamics_p": states.p}.get(name)
    head = states.model.get_submodule(name)
    return head(states.dp) if state is None else head(state[:, :-1], state[:, 1:])
