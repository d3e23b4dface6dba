"""Ablations: what is trained, what is shared between trainings, what a difference is, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jepa_world_model.config_file import load_config
from jepa_world_model.errors import UserError
from jepa_world_model.evaluation.ablate import AblationObserver, Budget, ablate
from jepa_world_model.evaluation.ablation import UNCHANGED, planned
from jepa_world_model.evaluation.ablation_results import Result, Results, changes, costs
from jepa_world_model.evaluation.retraining import Retraining
from jepa_world_model.model_config import Config
from jepa_world_model.run import open_config_source, run_training
from jepa_world_model.training.observer import Observer
from jepa_world_model.training.run_folder import RunFolder
from tests.conftest import SMALL, sketched_pictures

PHASES = ("train.perception_share=0.5", "train.perception_sequence_length=2", "train.perception_batch_size=4")
BUDGET = Budget(steps=4, seeds=1, episodes=4, seed=0, tasks=1, planners=("random",))


def config_of(*overrides: str) -> Config:
    return load_config(None, [*SMALL, *overrides])


def weights_of(config: Config, folder: Path, *names: str) -> dict[str, dict[str, torch.Tensor]]:
    """What one `Retraining` trains, by variant."""
    training = Retraining(open_config_source(config), folder, lambda done, of: None)
    plan = planned(config, [name for name in names if name != UNCHANGED], 4)
    chosen = [variant for variant in plan.variants if variant.name in names]
    return {v.name: {k: t.clone() for k, t in training.model(v.config, 1).state_dict().items()} for v in chosen}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    return [name for name in one if torch.equal(one[name], other[name])]


@pytest.mark.slow
def test_a_training_that_takes_over_perception_ends_with_the_same_bits(tmp_path: Path) -> None:
    config = config_of(*PHASES)
    together = weights_of(config, tmp_path, UNCHANGED, "jepa", "recon_multi_box")
    assert {file.suffix for file in tmp_path.iterdir()} == {".npy"}
    for name in together:
        alone = weights_of(config, tmp_path / name, name)[name]
        assert same(alone, together[name]) == list(alone), name
    encoder = {name for name in together[UNCHANGED] if name.startswith("encoder.")}
    kept = set(same(together[UNCHANGED], together["jepa"]))
    assert encoder <= kept
    assert not {name for name in kept if name.startswith("predictor.layers") and name.endswith("original")}
    assert not encoder <= set(same(together[UNCHANGED], together["recon_multi_box"])), (
        "a loss of perception was left out"
    )


@pytest.mark.slow
def test_the_unchanged_config_trains_as_a_run_does(tmp_path: Path) -> None:
    config = config_of(*PHASES, "train.seed=1")
    with sketched_pictures():
        run_training(config, tmp_path / "run", Observer())
    run, _ = RunFolder.open(tmp_path / "run")
    alone = weights_of(config_of(*PHASES), tmp_path, UNCHANGED)[UNCHANGED]
    from safetensors.torch import load_file

    assert same(load_file(run.weights), alone) == list(load_file(run.weights))


def test_what_can_be_left_out_is_planned_and_the_rest_is_named() -> None:
    plan = planned(config_of(*PHASES, "losses.pixel_delta_multi_box=0"), ["all"], 4)
    assert list(plan.impossible) == ["recon_multi_box"]
    assert "no enabled loss updates encoder or decoder" in plan.impossible["recon_multi_box"]
    assert [variant.name for variant in plan.variants][:2] == [UNCHANGED, "jepa"]
    assert all(variant.config.train.steps == 4 for variant in plan.variants)
    gate = planned(config_of(), ["detach_z_from_h_and_p", "jepa", "jepa"], 4)
    assert [variant.change for variant in gate.variants[1:]] == ["detach_z_from_h_and_p = false", "without jepa"]
    assert not gate.variants[1].config.train.detach_z_from_h_and_p
    assert gate.variants[2].config.losses.jepa == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jeppa", "--ablate jeppa: did you mean 'jepa'"),
        ("sigreg", "--ablate sigreg: the run was trained without it"),
        ("detach_z_from_h_and_p", "--ablate detach_z_from_h_and_p: the configuration has a mistake"),
        ("", "--ablate : "),
    ],
)
def test_what_cannot_be_left_out_is_one_message(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        planned(config_of(*PHASES), [name], 4)


def results(variant: str, *values: float, figure: str = "key_error") -> list[Result]:
    return [Result(variant, seed, {figure: value}) for seed, value in enumerate(values)]


def test_a_cost_is_the_mean_of_pairs_with_an_interval_of_their_spread() -> None:
    (cost,) = costs(results("a", 0.10, 0.20, 0.30), results("b", 0.20, 0.31, 0.42))
    assert (cost.unchanged, cost.changed, cost.difference) == pytest.approx((0.2, 0.31, 0.11))
    assert cost.high - cost.difference == pytest.approx(4.303 * 0.01 / 3**0.5)
    assert cost.worse is True, "an error that grew"
    (cost,) = costs(results("a", 0.1, 0.2, 0.3), results("b", 0.2, 0.2, 0.1))
    assert cost.worse is None, "seeds disagree"


@pytest.mark.parametrize(
    ("figure", "worse"),
    [("key_error", True), ("recall_at_1_place", False), ("search in q", False), ("ranking", None)],
)
def test_whether_more_is_worse_is_a_matter_of_the_figure(figure: str, worse: bool | None) -> None:
    before, after = results("a", 0.1, 0.2, figure=figure), results("b", 0.3, 0.41, figure=figure)
    assert [cost.worse for cost in costs(before, after)] == [worse]
    assert [cost.worse for cost in costs(before, results("b", 0.1, 0.2, figure=figure))] == [None]


def test_pairs_are_of_one_seed_and_what_diverged_counts_in_none() -> None:
    broken = [Result("b", 0, {}, "step 7: NaN"), Result("b", 1, {"key_error": 0.5})]
    (cost,) = changes([*results(UNCHANGED, 0.1, 0.2, 0.3), *broken])["b"]
    assert (cost.pairs, cost.difference) == (1, pytest.approx(0.3))
    assert cost.worse is None, "one pair has no interval"
    assert changes([*results(UNCHANGED, 0.1), broken[0]]) == {"b": []}


def test_results_are_found_again_by_all_that_they_depend_on(tmp_path: Path) -> None:
    kept = Results(tmp_path / "ablation.json")
    assert kept.find({"steps": 4}, "a", 0) is None
    one = Result("a", 0, {"key_error": 0.5})
    kept.add({"steps": 4}, one)
    Results(tmp_path / "ablation.json").add({"steps": 4}, Result("b", 0, {}, "NaN"))
    kept.add({"steps": 5}, Result("a", 0, {}))
    again = Results(tmp_path / "ablation.json")
    assert again.find({"steps": 4}, "a", 0) == one
    assert again.find({"steps": 4}, "b", 0) == Result("b", 0, {}, "NaN"), "what another process kept"
    assert again.find({"steps": 4}, "a", 1) is None
    for damage in ("", "[]", '{"trainings": [{}]}', '{"trainings": [{"budget": 1}]}'):
        (tmp_path / "ablation.json").write_text(damage)
        with pytest.raises(UserError, match="holds no trainings of an ablation"):
            Results(tmp_path / "ablation.json")


class Counter(AblationObserver):
    """Stops after so many trainings, as a signal would."""

    def __init__(self, most: int = 100) -> None:
        self.most, self.missing, self.done = most, 0, 0

    def on_plan(self, trainings: int, missing: int) -> None:
        self.missing = missing

    def on_result(self, done: int, of: int) -> None:
        self.done = done
        if done > self.most:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_ablation_that_was_stopped_goes_on_and_is_not_made_twice(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", config_of(*PHASES))
    with pytest.raises(KeyboardInterrupt):
        ablate(run.path, ["jepa", "h2z"], BUDGET, Counter(most=1))
    assert len(json.loads(run.ablation.read_text())["trainings"]) == 1
    seen = Counter()
    found = ablate(run.path, ["jepa", "h2z"], BUDGET, seen)
    assert (seen.missing, seen.done) == (2, 2)
    assert list(found.costs) == ["jepa", "h2z"]
    assert {cost.figure for cost in found.costs["jepa"]} > {"key_error", "random walk"}
    assert all(
        cost.difference == 0 for cost in found.costs["jepa"] if cost.figure in ("key_error", "recall_at_1_place")
    )
    again = Counter()
    assert ablate(run.path, ["jepa", "h2z"], BUDGET, again).plain() == found.plain()
    assert (again.missing, again.done) == (0, 0)
    assert sorted(file.name for file in run.path.iterdir()) == ["ablation.json", "config.toml"]
