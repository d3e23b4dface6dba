"""What `jepa audit-grads` audits: losses, gates, a config, a trained run."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from jepa_cli.app import app
from jepa_world_model.config_file import load_config
from jepa_world_model.losses import LOSSES
from tests.cli.audit_targets.command import AS_DOCUMENTED, FLOW, audit_grads, audit_small, complaint, contents
from tests.conftest import SMALL, sketched_pictures

ENABLED = [loss.name for loss in load_config().enabled]


def audited(*arguments: str | Path) -> tuple[list[str], list[str]]:
    """The losses and the settings of an audit that finds no drift."""
    result = audit_grads("--format", "json", *arguments)
    assert result.exit_code == AS_DOCUMENTED, result.output
    report = json.loads(result.stdout)
    return report["losses"], [setting["label"] for setting in report["settings"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (["enabled"], ENABLED),
        (["h2z,jepa"], ["jepa", "h2z"]),
        (["h2z", "jepa"], ["jepa", "h2z"]),
        (["enabled", "sigreg"], [*ENABLED, "sigreg"]),
        (["all"], list(LOSSES)),
    ],
    ids=str,
)
def test_losses_are_chosen_by_name_or_by_their_weight(losses: list[str], expected: list[str]) -> None:
    options = [part for loss in losses for part in ("--losses", loss)]
    found, settings = audited("--gates", "default", *options)
    assert sorted(found, key=list(LOSSES).index) == found
    assert set(found) == set(expected)
    assert settings == ["default"]


def test_enabled_losses_are_those_of_the_config() -> None:
    switched = ["--set", "losses.sigreg=1", "--set", "losses.jepa=0"]
    losses, _ = audited("--gates", "default", "--losses", "enabled", *switched)
    assert set(losses) == {*ENABLED, "sigreg"} - {"jepa"}


@pytest.mark.slow
def test_gates_are_set_one_by_one() -> None:
    gates = ["--gates", "detach_decoder=True", "--gates", "pose_delta_detach_h=false"]
    assert audited("--losses", "recon", *gates)[1] == ["detach_decoder=True, pose_delta_detach_h=False"]


@pytest.mark.slow
def test_the_gates_of_a_config_are_audited(folder: Path) -> None:
    (folder / "my.toml").write_text("[train]\ndetach_decoder = true\n")
    for chosen in (["--config", "my.toml"], ["--set", "train.detach_decoder=true"]):
        assert audited("--losses", "recon_multi_box", *chosen)[1] == ["detach_decoder=True"]


@pytest.mark.slow
def test_gates_change_the_setting_of_a_config() -> None:
    chosen = ["--set", "train.detach_decoder=true", "--gates", "pose_delta_detach_h=False"]
    assert audited("--losses", "scale_dp", *chosen)[1] == ["detach_decoder=True, pose_delta_detach_h=False"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "other", ["model.encoder_widths=[4, 8]", "model.predictor_spectral_norm=true", "preset=reference"]
)
def test_layers_inside_of_modules_change_no_route(other: str) -> None:
    """A stride that is smaller than the smallest image, other layers, another preset: the lock holds for all."""
    assert audited("--losses", "jepa", "--set", other) == (["jepa"], ["default"])


def test_all_gates_of_another_trainer(trainers: Path) -> None:
    arguments = ["--target", "trainers:audit_target", "--table", str(FLOW)]
    everything = ["default", "critic_trains_encoder=True"]
    assert audited(*arguments)[1] == audited(*arguments, "--gates", "all")[1] == everything
    assert audited(*arguments, "--gates", "critic_trains_encoder=true")[1] == everything[1:]
    assert audited(*arguments, "--losses", "value", "--gates", "default") == (["value"], ["default"])
    assert audited(*arguments, "--losses", "all")[0] == ["task", "value"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--losses", "jpea"], "there is no loss 'jpea': did you mean 'jepa'?"),
        (["--gates", "detach_decodr=True"], "did you mean 'detach_decoder'?"),
        (["--gates", "detach_decoder=maybe"], "detach_decoder is one of False, True, found 'maybe'"),
        (["--gates", "detach_decoder"], "expected all, default or GATE=VALUE"),
        (["--gates", "default", "--gates", "detach_decoder=True"], "expected all, default or GATE=VALUE"),
        (["--gates", "detach_decoder=True", "--gates", "detach_decoder=False"], "one value for each gate"),
        (["--set", "train.detach_decodr=true"], "did you mean 'train.detach_decoder'?"),
        (["--config", "no_such.toml"], "no_such.toml does not exist"),
    ],
)
def test_a_choice_of_nothing_is_one_message(arguments: list[str], expected: str, folder: Path) -> None:
    arguments = arguments if "--losses" in arguments else [*arguments, "--losses", "jepa"]
    assert expected in complaint(audit_grads(*arguments))
    assert contents(folder) == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--losses", "tsak"], "there is no loss 'tsak': did you mean 'task'?"),
        (["--losses", "enabled"], "only the world model's config says which"),
        (["--gates", "detach=True"], "there is no gate 'detach'"),
    ],
)
def test_another_trainer_has_its_own_names(arguments: list[str], expected: str, trainers: Path) -> None:
    assert expected in complaint(audit_small(*arguments))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a few training steps."""
    run = tmp_path_factory.mktemp("trained") / "run"
    settings = [part for setting in SMALL for part in ("--set", setting)]
    with sketched_pictures():
        result = CliRunner().invoke(app, ["train", *settings, "--set", "train.detach_decoder=true", "--out", str(run)])
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture
def run(trained: Path, folder: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained, folder / "run"))


@pytest.mark.slow
def test_a_run_is_audited_at_its_gates_and_routes_are_not_compared(run: Path) -> None:
    before = contents(run)
    result = audit_grads("--checkpoint", run, "--format", "json")
    assert result.exit_code == AS_DOCUMENTED, result.output
    report = json.loads(result.stdout)
    assert [setting["label"] for setting in report["settings"]] == ["detach_decoder=True"]
    assert report["shape"]["frames"] == 5
    assert any("routes were not compared" in note for note in report["notes"])
    assert contents(run) == before


@pytest.mark.slow
def test_the_weights_of_a_run_are_those_that_are_audited(run: Path) -> None:
    weights = run / "weights.safetensors"
    stored = load_file(weights)
    save_file({name: value * (not name.startswith("h_to_z")) for name, value in stored.items()}, weights)
    report = json.loads(audit_grads("--checkpoint", run, "--losses", "jepa", "--format", "json").stdout)
    statuses = {cell["module"]: cell["status"] for cell in report["cells"]}
    assert (statuses["predictor"], statuses["h_to_z"]) == ("idle", "live")  # behind weights of zero, for now


def test_a_run_without_weights_is_refused(run: Path) -> None:
    (run / "weights.safetensors").unlink()
    assert "has no weights.safetensors" in complaint(audit_grads("--checkpoint", run))


def test_weights_of_another_shape_are_refused_by_name(run: Path) -> None:
    weights = run / "weights.safetensors"
    tensors = load_file(weights)
    name = next(name for name in tensors if name.startswith("h_to_z"))
    save_file({**tensors, name: torch.zeros(7, 3), "extra.weight": torch.zeros(1)}, weights)
    message = complaint(audit_grads("--checkpoint", run))
    assert f"{name}: expected {list(tensors[name].shape)}, found [7, 3]" in message
    assert "extra.weight: expected None, found [1]" in message


def test_weights_that_are_damaged_are_refused(run: Path) -> None:
    (run / "weights.safetensors").write_bytes(b"no safetensors")
    assert "weights.safetensors is damaged" in complaint(audit_grads("--checkpoint", run))


@pytest.mark.parametrize("name", ["nothing", "file", "empty"])
def test_what_is_no_run_folder_is_refused(name: str, folder: Path) -> None:
    (folder / "file").write_text("")
    (folder / "empty").mkdir()
    assert f"{name} is not a run folder" in complaint(audit_grads("--checkpoint", name))
