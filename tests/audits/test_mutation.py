"""Mutants of a small trainer: the contract notices those that matter, and a hole is found where it is blind."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

import audits.mutation
from audits import Target
from audits.mutation import Layer, Mutant, mutation_test

pytestmark = pytest.mark.slow


class States:
    """z, a target made of it, and a state that no loss reads."""

    def __init__(self, model: nn.ModuleDict, x: Tensor) -> None:
        self._model, self._x = model, x

    @property
    def z(self) -> Tensor:
        return self._model["encoder"](self._x)

    @property
    def target(self) -> Tensor:
        return self.z.detach()

    @property
    def unread(self) -> Tensor:
        return self._model["encoder"](self._x)


def trainer() -> Target:
    torch.manual_seed(0)
    model = nn.ModuleDict({"encoder": nn.Linear(3, 3), "predictor": nn.Linear(3, 3)})

    def losses(x: Tensor, open: bool = False) -> dict[str, Tensor]:
        states = States(model, x)
        z = states.z if open else states.z.detach()
        return {"predict": mse_loss(model["predictor"](z), states.target), "hold": mse_loss(states.z, states.target)}

    return Target(model, losses, batches=[torch.rand(4, 3)], gates={"open": [False, True]}, states=[States], name="toy")


def mutants() -> dict[tuple[str, str], Mutant]:
    target = trainer()
    return {(mutant.setting, mutant.what): mutant for mutant in mutation_test(target, target.settings("all"))}


def test_a_lost_target_stop_is_noticed_by_routes_where_presence_is_blind() -> None:
    (lost,) = [
        mutant
        for (setting, what), mutant in mutants().items()
        if setting == "open=True" and what.endswith("States.target: self.z.detach()")
    ]
    assert Layer.ROUTES in lost.noticed
    assert Layer.PRESENCE not in lost.noticed


def test_a_mutant_that_changes_no_gradient_is_equivalent() -> None:
    unread = mutants()["default", "stop at States.unread"]
    assert unread == Mutant("default", "stop at States.unread", (), equivalent=True)
    assert not unread.is_hole


def test_every_other_mutant_is_noticed() -> None:
    assert not [mutant for mutant in mutants().values() if mutant.is_hole]


def test_a_blind_contract_has_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audits.mutation, "layers_that_differ", lambda one, other: ())
    holes = {mutant.what for mutant in mutants().values() if mutant.is_hole}
    assert "stop at States.z" in holes
    assert "stop at States.unread" not in holes


def test_states_and_modules_are_whole_again_afterwards() -> None:
    before = dict(vars(States))
    target = trainer()
    mutation_test(target, target.settings())
    assert dict(vars(States)) == before
    assert not any(module._forward_hooks for module in target.root_modules[0].modules())


def of(model: nn.Module, losses: object) -> list[Mutant]:
    target = Target(model, lambda x: losses(model, x), batches=[torch.rand(4, 3)])  # type: ignore[operator]
    return mutation_test(target, target.settings())


def test_a_mutant_that_the_trainer_cannot_run_with_is_reported_and_the_others_go_on() -> None:
    def losses(model: nn.ModuleDict, x: Tensor) -> dict[str, Tensor]:
        z = model["encoder"](x)
        _logged = z.detach().numpy().mean()
        return {"fit": mse_loss(model["head"](z), x), "hold": model["head"](z.detach()).mean()}

    found = of(nn.ModuleDict({"encoder": nn.Linear(3, 3), "head": nn.Linear(3, 3)}), losses)
    (raising,) = [mutant for mutant in found if mutant.raised]
    assert "numpy" in raising.raised
    assert not raising.is_hole
    assert len(found) == 4
    assert all(mutant.noticed for mutant in found if mutant is not raising)


def test_a_list_of_modules_is_stopped_after_each_of_its_members() -> None:
    model = nn.ModuleDict(
        {"encoder": nn.Linear(3, 3), "heads": nn.ModuleList([nn.Linear(3, 1), nn.Sequential(nn.Linear(3, 1))])}
    )

    def losses(model: nn.ModuleDict, x: Tensor) -> dict[str, Tensor]:
        z = model["encoder"](x)
        return {f"head{number}": head(z).mean() for number, head in enumerate(model["heads"])}  # type: ignore[arg-type]

    found = of(model, losses)
    assert [mutant.what for mutant in found] == ["stop after encoder", "stop after heads.0", "stop after heads.1"]
    assert all(mutant.noticed for mutant in found)
