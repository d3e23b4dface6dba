"""Settings are read as `jepa train` would read them, without the weight of doing so."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepa_world_model.config_file import KEYS, load_config, to_toml, values_of
from jepa_world_model.errors import UserError
from jepa_world_model.gradient_flow.recording import SCHEMA, routing, schema
from jepa_world_model.losses import LOSSES
from jepa_world_model.record import ROUTING, record
from jepa_world_model.rules import Level
from jepa_world_model.rules.judging import judge, recorded
from jepa_world_model.rules.settings import Settings
from jepa_world_model.settings import default_settings, read_settings, settings_of
from jepa_world_model.states import Gates

T = TypeVar("T")
STALE = "stale: run `make docs`"


def test_the_schema_is_fresh() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), STALE


def test_every_setting_is_described() -> None:
    tables = json.loads(schema())["$defs"]
    bare = [
        f"{table}.{key}"
        for table in tables
        for key, value in tables[table]["properties"].items()
        if not value.get("description")
    ]
    assert bare == []


@pytest.mark.slow
def test_the_record_of_routing_is_fresh() -> None:
    assert ROUTING.read_text(encoding="utf-8") == routing(), STALE


def test_defaults_are_those_of_the_config() -> None:
    assert default_settings().values == values_of(load_config())
    assert default_settings().gates == vars(Gates())
    assert default_settings().enabled == [loss.name for loss in load_config().enabled]


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


HUGE = "0x" + "f" * 5000
"""A number that Python reads, but does not write in decimal digits."""
HOSTILE = [
    *("nan", "inf", "-inf", "-0.0", "1e400", "1e-400", "0", "-1", "1", "2", "3", "7", "60", "64", "1.0", "1.5", "2.0"),
    *("true", "false", "y", "no", "'on'", "'1'", "'1.0'", "''", "' 3 '", "1_000", "0x10", "cpu", "'auto'", "x"),
    *("[]", "[0]", "[8, 16]", "[8.0]", "[1.5]", "[true]", "['8']", "[[8]]", "{}", "{a = 1}", "1979-05-27", "07:32:00"),
    *(str(2**32), str(2**63 - 1), str(2**63), "9" * 400, "9" * 5000, HUGE, "\udcff", "ẑ"),
    *("[" * 5000, "a = b", '"""', "\n", r"'a\u0000b'", r'"a\u0000b"', "wörter"),
]
NAMES = [*KEYS, *("accept.z-action-loss", "accept.qqq", "losses.jpea", "train.", "los.jepa", "losses", "train.a.b")]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(HOSTILE)), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_training_and_a_check_are_of_one_mind(given: list[tuple[str, str]]) -> None:
    check_of_one_mind([f"{key}={value}" for key, value in given])


@pytest.mark.slow
@pytest.mark.parametrize("key", [name for name in NAMES if not name.startswith(("losses.", "alarms."))])
def test_they_are_of_one_mind_about_every_value_of_a_key(key: str) -> None:
    for value in HOSTILE:
        check_of_one_mind([f"{key}={value}"])


def check_of_one_mind(overrides: list[str]) -> None:
    """What training takes is taken as it takes it; what it refuses is refused, or an error of the rules."""
    taken, refusal = outcome(load_config, overrides)
    read, also = outcome(read_settings, overrides)
    if taken is not None:
        assert read is not None
        assert not read.refusal
        assert (read.values, read.accept) == (values_of(taken), taken.accept)
        to_toml(taken).encode()
        judge(recorded(read))
    elif read is None:
        assert also == refusal
    else:
        assert read.refusal == refusal
        assert refused_by_rules(read)


def outcome(read: Callable[..., T], overrides: list[str]) -> tuple[T | None, str]:
    """What is read, or why not."""
    try:
        return read(None, overrides), ""
    except UserError as refusal:
        return None, str(refusal)


def refused_by_rules(settings: Settings) -> bool:
    return any(finding.level is Level.ERROR for finding in judge(recorded(settings)))


@pytest.mark.parametrize(
    "overrides",
    [
        ["losses.jepa=-1"],
        ["losses.h2z=nan"],
        [f"losses.{loss}=0" for loss in LOSSES],
        ["train.rollout_horizon=8"],
        ["train.rollout_horizon=2"],
        ["train.sequence_length=3", "train.rollout_horizon=2", "losses.rollout_kstep_p=0.5"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_what_rules_report_as_errors_is_what_a_check_lets_pass(overrides: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, overrides)
    read = read_settings(None, overrides)
    assert read.refusal == str(caught.value)
    assert refused_by_rules(read)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.learning_rate=inf", "train.learning_rate: expected a finite number, found inf"),
        ("train.weight_decay=inf", "train.weight_decay: expected a finite number, found inf"),
        ("model.image_size=60", "model: image_size 60 is not a multiple of 16; use 48 or 64"),
        ("train.accumulate=3", "train: accumulate 3 must divide batch_size 32 into parts of 2 windows or more"),
        ("train.steps=0", "train.steps: expected a number greater than or equal to 1, found 0"),
        ("train.steps=1.5", "train.steps: expected a whole number, found 1.5"),
        ("train.steps=[1]", "train.steps: expected a whole number, found [1]"),
        ("losses.jepa=much", "losses.jepa: expected a number, found 'much'"),
        ("train.compile=maybe", "train.compile: expected true or false, found 'maybe'"),
        ("train.device=tpu", "train.device: expected one of 'auto', 'cpu', 'cuda' or 'mps', found 'tpu'"),
        ("model.encoder_widths=8", "model.encoder_widths: expected a list, found 8"),
        ("model.encoder_widths=[]", "model.encoder_widths: expected at least 1 value, found []"),
        ("model.encoder_widths=[8, 0]", "model.encoder_widths: expected a number greater than or equal to 1, found 0"),
        ("data.source=3", "data.source: expected a text, found 3"),
        ("data.source=\udcff", "data.source: expected text that is valid UTF-8"),
        ("accept.z-action-loss=3", "accept.z-action-loss: expected the reason in words, found 3"),
        ("accept.z-action-loss=' '", "accept.z-action-loss: expected the reason in words, found ' '"),
        ("accept.z-acton-loss=x", "accept.z-acton-loss: there is no such rule: did you mean 'z-action-loss'?"),
        (
            "train.seed=0x" + "f" * 5000,
            "train.seed: expected a number less than 4294967296, found a number of too many digits",
        ),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_was_found(override: str, said: str) -> None:
    for read in (load_config, read_settings):
        with pytest.raises(UserError) as caught:
            read(None, [override])
        assert str(caught.value) == f"the configuration has a mistake:\n  {said}"


@pytest.mark.parametrize("override", ["train.compile=y", "train.deterministic=1.0", "train.channels_last=off"])
def test_a_check_takes_every_spelling_that_training_takes(override: str) -> None:
    assert read_settings(None, [override]).values == values_of(load_config(None, [override]))


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
        "  losses.jpea: unknown key. did you mean 'losses.jepa'?",
        "  train.steps: expected a number greater than or equal to 1, found 0",
        "  train.device: expected one of 'auto', 'cpu', 'cuda' or 'mps', found 'tpu'",
        "  accept.z-action-loss: expected the reason in words, found 3",
        "  los: unknown table. did you mean 'losses'?",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[losses\n", r"is not TOML: .*\(at line 1, column 8\)"),
        (b"[train]\nsteps = = 3\n", r"at line 2, column 9"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"losses = 3\n", "losses: expected a table, found 3"),
        (b"accept = 3\n", "accept: expected a table, found 3"),
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
def edited(tmp_path: Path) -> Settings:
    (tmp_path / "my.toml").write_text(TEXT)
    return read_settings(tmp_path / "my.toml", ["losses.h2z=2"])


@pytest.mark.parametrize(
    ("key", "line"),
    [("losses.jepa", 3), ("train.detach_decoder", 7), ("accept.z-action-loss", 9), ("losses.z2h", None)],
)
def test_a_key_is_found_on_its_line(key: str, line: int | None, edited: Settings) -> None:
    assert edited.line_of(key) == line


def test_a_key_that_the_command_line_gives_is_in_no_file(edited: Settings) -> None:
    assert edited.values["losses.h2z"] == 2
    assert edited.line_of("losses.h2z") is None


def test_the_name_says_where_settings_come_from(edited: Settings) -> None:
    assert edited.name.endswith("my.toml, losses.h2z=2")
    assert read_settings().name == default_settings().name == "default"
