"""Settings are read as `jepa train` would read them, without the weight of doing so."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_world_model.config_file import KEYS, load_config, values_of
from jepa_world_model.errors import UserError
from jepa_world_model.gradient_flow.recording import routing, schema
from jepa_world_model.model_config import Config
from jepa_world_model.record import ROUTING, SCHEMA, properties, record
from jepa_world_model.settings import Settings, default_settings, read_settings, settings_of
from jepa_world_model.states import Gates

STALE = "stale: run `make docs`"


def test_the_schema_is_fresh() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), STALE


def test_the_record_of_routing_is_fresh() -> None:
    assert ROUTING.read_text(encoding="utf-8") == routing(), STALE


def test_defaults_are_those_of_the_config() -> None:
    assert default_settings().values == values_of(Config())
    assert set(properties()) == set(KEYS)
    assert default_settings().gates == vars(Gates())
    assert default_settings().enabled == [loss.name for loss in Config().enabled]


def test_every_module_that_a_loss_updates_is_one_that_it_uses() -> None:
    for setting in record().settings.values():
        for loss, modules in setting.updates.items():
            assert set(modules) <= set(setting.uses[loss])


VALUES: dict[str, list[str]] = {
    "losses.jepa": ["0", "0.5", "2", "1e3", "'0.5'", "true"],
    "train.steps": ["1", "500", "2.0", "'7'"],
    "train.learning_rate": ["0.1", "1e-5"],
    "train.device": ["cpu", "'auto'"],
    "train.detach_decoder": ["true", "false", "1", "0", "'yes'"],
    "model.pose_dim": ["7"],
    "model.encoder_widths": ["[4, 8, 16]"],
    "data.source": ["grid-loops", "'a b'"],
    "data.validation_fraction": ["0", "0.5"],
}
REFUSED: dict[str, list[str]] = {
    "losses.jepa": ["much", "[1]"],
    "train.steps": ["0", "1.5", "many"],
    "train.learning_rate": ["0", "-1"],
    "train.device": ["tpu"],
    "train.detach_decoder": ["2", "maybe"],
    "model.pose_dim": ["0", "1.5"],
    "model.encoder_widths": ["[]", "[0]", "3", "['a']"],
    "data.source": ["3"],
    "data.validation_fraction": ["1", "-0.1"],
    "data.seed": ["4294967296"],
}


def cases(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(key, value) for key, texts in values.items() for value in texts]


@pytest.mark.parametrize(("key", "value"), cases(VALUES), ids=str)
def test_a_value_is_taken_as_training_takes_it(key: str, value: str) -> None:
    override = f"{key}={value}"
    assert read_settings(None, [override]).values == values_of(load_config(None, [override]))


@pytest.mark.parametrize(("key", "value"), cases(REFUSED), ids=str)
def test_a_value_is_refused_where_training_refuses_it(key: str, value: str) -> None:
    for read in (load_config, read_settings):
        with pytest.raises(UserError, match=f"{key}.*found"):
            read(None, [f"{key}={value}"])


@given(
    key=st.sampled_from(sorted(key for key in KEYS if not key.startswith("losses."))),
    value=st.booleans() | st.integers(-3, 70) | st.floats(-2, 2, allow_nan=False) | st.sampled_from(["cpu", "x"]),
)
def test_every_value_that_training_takes_is_taken_as_it_takes_it(key: str, value: Any) -> None:
    """Training refuses more: it also sees how settings fit together."""
    override = f"{key}={str(value).lower() if isinstance(value, bool) else value}"
    try:
        taken = values_of(load_config(None, [override]))
    except UserError:
        return
    assert read_settings(None, [override]).values == taken


def test_weights_may_be_what_no_training_would_take() -> None:
    settings = read_settings(None, ["losses.jepa=nan", "losses.h2z=-1", "losses.z2h=inf"])
    assert math.isnan(settings.weights["jepa"])
    assert (settings.weights["h2z"], settings.weights["z2h"]) == (-1, math.inf)
    assert {"jepa", "h2z", "z2h"} <= set(settings.enabled)


def test_all_mistakes_are_reported_at_once_each_with_its_key() -> None:
    overrides = ["losses.jpea=1", "train.steps=0", "los.jepa=1", "foo", "accept.z-action-loss=3", "train.device=tpu"]
    with pytest.raises(UserError) as caught:
        read_settings(None, overrides)
    assert str(caught.value).splitlines() == [
        "the configuration has 6 mistakes:",
        "  --set foo: expected table.key=value, such as losses.jepa=0.5",
        "  accept.z-action-loss: expected the reason in words, found 3",
        "  losses.jpea: unknown key. did you mean 'losses.jepa'?",
        "  train.steps: input should be greater than or equal to 1, found 0",
        "  train.device: input should be one of 'auto', 'cpu', 'cuda', 'mps', found 'tpu'",
        "  los: unknown table. did you mean 'losses'?",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[losses\n", r"is not TOML: .*\(at line 1, column 8\)"),
        (b"[train]\nsteps = = 3\n", r"at line 2, column 9"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"losses = 3\n", "losses: input should be a table, found 3"),
        (b"accept = 3\n", "accept: input should be a table, found 3"),
        (b'[accept]\nz-action-loss = " "\n', "expected the reason in words, found ' '"),
    ],
    ids=str,
)
def test_a_file_with_a_mistake_is_named_with_line_and_column(content: bytes, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=expected):
        read_settings(file)
    with pytest.raises(UserError, match=expected):
        settings_of(content, "HEAD:my.toml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_settings(tmp_path / "no.toml")
    with pytest.raises(UserError, match="cannot be read"):
        read_settings(tmp_path)


TEXT = """\
# a comment with = in it
[losses]
jepa = 0.5   # why
"h2z" = 0

[ train ]
detach_decoder = true
[accept]
z-action-loss = "loop closure is evaluated separately"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "my.toml").write_text(TEXT)
    return read_settings(tmp_path / "my.toml", ["losses.h2z=2"])


@pytest.mark.parametrize(
    ("key", "line"),
    [("losses.jepa", 3), ("train.detach_decoder", 7), ("accept.z-action-loss", 9), ("losses.z2h", None)],
)
def test_a_key_is_found_on_its_line(key: str, line: int | None, settings: Settings) -> None:
    assert settings.line_of(key) == line


def test_a_key_that_the_command_line_gives_is_in_no_file(settings: Settings) -> None:
    assert settings.values["losses.h2z"] == 2
    assert settings.line_of("losses.h2z") is None


def test_the_name_says_where_settings_come_from(settings: Settings) -> None:
    assert settings.name.endswith("my.toml, losses.h2z=2")
    assert read_settings().name == default_settings().name == "default"
