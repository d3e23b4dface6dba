"""`jepa eval --ablate` on a tiny run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_cli.eval.ablation_view import ablation_page, summary
from jepa_world_model.config_file import load_config
from jepa_world_model.evaluation.ablate import Ablation, Budget
from jepa_world_model.evaluation.ablation_results import Result, Results, costs
from jepa_world_model.training.run_folder import RunFolder
from tests.conftest import SMALL

pytestmark = pytest.mark.slow


def invoke(*arguments: object):
    return CliRunner().invoke(app, ["eval", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RunFolder.create(tmp_path_factory.mktemp("ablation") / "run", load_config(None, SMALL)).path


QUICK = ("--ablate", "jepa,detach_decoder", "--ablate-steps", 2, "--ablate-seeds", 2, "--episodes", 4, "--tasks", 1)
CHANGES = ("without jepa", "detach_decoder = true")


def test_it_says_beforehand_what_it_takes_and_is_shown_in_every_format(run: Path) -> None:
    found = invoke(run, *QUICK, "--planners", "random")
    assert found.exit_code == 0, found.output
    assert "6 trainings of 2 steps, each evaluated; this takes minutes" in " ".join(found.stderr.split())
    assert all(change in found.stdout for change in CHANGES)
    assert "goals: random walk" in found.stdout
    kept = invoke(run, *QUICK, "--planners", "random", "--format", "json")
    assert "6 of them done before" in " ".join(kept.stderr.split())
    plain = json.loads(kept.stdout)
    assert [one["change"] for one in plain["costs"].values()] == list(CHANGES)
    assert all(one["pairs"] == 2 for change in plain["costs"].values() for one in change["figures"])
    text = invoke(run, *QUICK, "--planners", "random", "--format", "markdown").stdout
    assert "| `key_error` |" in text
    assert invoke(run, *QUICK, "--planners", "random", "--format", "html").exit_code == 0
    page = (run / "ablation.html").read_text(encoding="utf-8")
    assert all(change in page for change in CHANGES)
    assert "http" not in page


def test_a_summary_names_what_is_worse_and_what_is_better_beyond_its_interval() -> None:
    before = [Result("a", seed, {"key_error": 0.1 * seed, "search in q": 0.9}) for seed in range(3)]
    after = [Result("b", seed, {"key_error": 0.1 * seed + 0.2, "search in q": 0.95}) for seed in range(3)]
    assert summary(list(costs(before, after))) == "worse: key error +0.200; better: goals: search in q +0.050"
    assert summary(list(costs(before, before))) == "no figure changes beyond its interval"
    assert summary([]) == "could not be compared"


def test_what_went_wrong_is_told() -> None:
    broken = (Result("unchanged", 0, {"key_error": 0.5}), Result("jepa", 0, {}, "step 7: <jepa> became NaN"))
    budget = Budget(steps=9, seeds=1, episodes=4, seed=0, tasks=1, planners=None)
    found = Ablation("a <run>", budget, {"recon": "nothing would see"}, {"jepa": "without jepa"}, broken, "no world")
    page = ablation_page(found)
    for text in (
        "could not be compared",
        "step 7: &lt;jepa&gt;",
        "recon was not left out: nothing",
        "no world",
        "1 seed",
    ):
        assert text in page
    assert "<run>" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ablate", "jeppa"), "--ablate jeppa: did you mean 'jepa'"),
        (("--ablate", " , "), "--ablate: expected names of losses or gates, or all, found ' , '"),
        (("--ablate", "jepa", "--ablate-steps", 0), "--ablate-steps: expected 1 to 10,000,000, found 0"),
        (("--ablate", "jepa", "--ablate-seeds", 0), "--ablate-seeds: expected 1 to 100, found 0"),
        (("--ablate", "jepa", "--data", "grid-loops"), "leave out --data"),
        (("--ablate", "jepa", "--planners", "walk"), "--planners walk"),
        (("--ablate", "jepa", "--planners", "search-q"), "search-q: the model has no pose of a place"),
        (("--ablate", "jepa", "--episodes", 2), "expected at least 4 held-out episodes"),
        (("--ablate", "jepa", "--format", "xml"), "--format xml"),
    ],
)
def test_mistakes_are_one_message_before_anything_is_trained(arguments: tuple, message: str, run: Path) -> None:
    before = sorted(run.iterdir())
    found = invoke(run, *arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert "trainings of" not in found.stderr
    assert sorted(run.iterdir()) == before


def test_where_nothing_can_be_kept_nothing_is_trained(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text((run / "config.toml").read_text())
    (tmp_path / "ablation.json").mkdir()
    found = invoke(tmp_path, *QUICK)
    assert found.exit_code == 2, found.output
    assert "trained and evaluated" not in found.stderr


def test_a_damaged_file_of_trainings_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text((run / "config.toml").read_text())
    (tmp_path / "ablation.json").write_text("half")
    found = invoke(tmp_path, *QUICK)
    assert found.exit_code == 2
    assert "holds no trainings of an ablation; move it away" in " ".join(found.stderr.split())
    assert (tmp_path / "ablation.json").read_text() == "half"
    with pytest.raises(Exception, match="holds no trainings"):
        Results(tmp_path / "ablation.json")
