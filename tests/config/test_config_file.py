"""Config files and --set: every mistake is reported, at once, with its key."""

import tomllib
from pathlib import Path

import pytest

from jepa_world_model.config_file import KEYS, load_config, to_toml
from jepa_world_model.errors import UserError
from jepa_world_model.losses import LOSSES
from jepa_world_model.model_config import Config, LossWeights, ModelConfig, TrainConfig


def complaint(*overrides: str, file: Path | None = None) -> str:
    with pytest.raises(UserError) as caught:
        load_config(file, overrides)
    return str(caught.value)


def test_every_loss_has_a_weight_with_its_default() -> None:
    assert vars(LossWeights()) == {loss.name: loss.weight for loss in LOSSES.values()}


def test_fourteen_losses_are_on_by_default() -> None:
    assert len(LOSSES) == 37
    assert len(Config().enabled) == 14


def test_the_names_that_users_know() -> None:
    assert TrainConfig().detach_z_from_h_and_p is True
    assert TrainConfig().detach_decoder is False
    assert ModelConfig().pose_delta_detach_h is True
    assert ModelConfig().p_dim == ModelConfig().h_dim
    assert ModelConfig(pose_dim=7).p_dim == 7


def test_toml_holds_every_key_and_reads_back_to_the_same_config(tmp_path: Path) -> None:
    config = load_config(
        None, ["losses.sigreg=0.05", "model.pose_dim=32", "train.detach_decoder=true", "data.source=a b"]
    )
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_config(file) == config
    tables = tomllib.loads(to_toml(config))
    assert tables.pop("preset") == "recommended"
    written = {f"{table}.{key}" for table, keys in tables.items() for key in keys}
    assert written == set(KEYS)


def test_set_wins_over_the_file_and_the_last_set_wins(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[losses]\njepa = 0.25\nh2z = 0.5\n", encoding="utf-8")
    weights = load_config(file, ["losses.jepa=2", "losses.jepa=3"]).losses
    assert (weights.jepa, weights.h2z) == (3.0, 0.5)


def test_all_mistakes_are_reported_at_once_each_with_its_key() -> None:
    text = complaint("losses.jpea=1", "train.seed=-1", "train.device=tpu", "los.jepa=1", "foo=1", "model.h_dim=1.5")
    for part in (
        "6 mistakes",
        "losses.jpea: unknown key",
        "'losses.jepa'",
        "train.seed",
        "-1",
        "'tpu'",
        "los: unknown table",
    ):
        assert part in text
    assert "'losses'" in text
    assert "--set foo=1: expected table.key=value" in text
    assert "model.h_dim" in text


@pytest.mark.parametrize("weight", ["nan", "inf", "-0.5", "'much'"])
def test_a_weight_is_a_finite_number_not_below_zero(weight: str) -> None:
    assert "losses.jepa" in complaint(f"losses.jepa={weight}")


def test_every_weight_zero_is_refused() -> None:
    assert "every weight is zero" in complaint(*(f"losses.{name}=0" for name in LOSSES))


@pytest.mark.parametrize(("size", "remedy"), [(60, "48 or 64"), (17, "16 or 32")])
def test_an_image_size_that_does_not_divide_names_the_nearest_that_do(size: int, remedy: str) -> None:
    text = complaint(f"model.image_size={size}")
    assert f"image_size {size}" in text
    assert remedy in text


def test_a_window_too_short_for_a_loss_names_the_loss() -> None:
    text = complaint("train.sequence_length=3", "train.rollout_horizon=2")
    assert "loss 'rollout_kstep_p' needs train.sequence_length >= 4, found 3" in text
    assert "loss 'rollout_kstep_p' needs train.rollout_horizon >= 3, found 2" in text
    load_config(None, ["train.sequence_length=3", "train.rollout_horizon=2", "losses.rollout_kstep_p=0"])


def test_a_horizon_longer_than_the_window_is_refused() -> None:
    assert "rollout_horizon 8 needs windows of at least 9 frames" in complaint("train.rollout_horizon=8")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[losses\n", "is not TOML"),
        (b"losses = 3\n", "losses"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "config.toml"
    if content is not None:
        file.write_bytes(content)
    text = complaint(file=file)
    assert expected in text


def test_a_folder_as_config_file_is_a_user_error(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(file=tmp_path)
