"""A world, a model and a run small enough for a test."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jepa_world_model import presets
from jepa_world_model.config_file import load_config
from jepa_world_model.model_config import Config
from jepa_world_model.settings import default_settings

SMALL = (
    "preset=reference",
    "model.image_size=16",
    "model.encoder_widths=[4, 8]",
    "model.decoder_widths=[4, 8]",
    "model.h_dim=12",
    "model.hidden_width=16",
    "data.episodes=6",
    "data.episode_length=12",
    "train.steps=4",
    "train.batch_size=2",
    "train.sequence_length=5",
    "train.device=cpu",
    "train.threads=1",
    "train.validate_every=2",
    "train.log_every=2",
)


@pytest.fixture(autouse=True, scope="session")
def no_wait_for_disks() -> Iterator[None]:
    """What is written outlives a process that is killed, without a wait for the disk; no test turns the power off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def small_config() -> Callable[..., Config]:
    """A tiny config on the embedded world, with further `table.key=value` on top."""

    def build(*overrides: str, file: Path | None = None) -> Config:
        return load_config(file, [*SMALL, *overrides])

    return build


@pytest.fixture
def reference_by_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The preset that a config starts from is `reference`, as in expectations that were measured on it."""
    monkeypatch.setattr(presets, "DEFAULT", "reference")
    default_settings.cache_clear()
    yield
    default_settings.cache_clear()


@pytest.fixture(scope="session")
def small_settings() -> list[str]:
    """The same config as arguments of `jepa train`."""
    return [argument for setting in SMALL for argument in ("--set", setting)]


@contextmanager
def sketched_pictures() -> Iterator[None]:
    """Instead of three pictures, which take most of a small run, one that is quickly drawn: what it shows, as it is."""

    def sketched(trainer: Any, run: Any) -> list[Path]:
        picture = run.pictures / "losses.png"
        run.write(picture, run.metrics.read_bytes())
        return [picture]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jepa_world_model.run.draw_pictures", sketched)
        yield


@pytest.fixture
def quick_pictures() -> Iterator[None]:
    """For a test of whole runs that looks at no picture."""
    with sketched_pictures():
        yield


SLOW = (
    "audits/contract/test_update_properties.py",
    "audits/diagram",
    "audits/routing",
    "audits/step",
    "audits/telemetry",
    "audits/test_cuts.py",
    "audits/test_dataflow.py",
    "audits/test_programs.py",
    "cli",
    "data/readers",
    "docs",
    "examples",
    "hostile/test_kills.py",
    "hostile/test_only_read.py",
    "losses",
    "mutants",
    "script",
    "testing",
    "training",
)
"""Where tests train, draw the world model or start the command: `make fast` leaves them out."""
QUICK = ("docs/test_links.py", "docs/test_generated.py", "cli/test_audit_view.py", "losses/test_declaration.py")

THOROUGH = (
    "test_a_broken_link_fails_the_build[[nothing]",
    "test_a_document_follows_a_changed_trainer",
    "test_a_measured_rule_finds_what_triggers_it_and_passes_what_is_near[vacuous-loss]",
    "test_a_process_whose_peer_is_lost_says_so[0]",
    "test_an_audit_of_a_part_brings_that_part_up_to_date",
    "test_another_number_of_processes_is_refused_in_words",
    "test_both_gates_open",
    "test_drift_stops_all_processes",
    "test_each_loss_updates_the_same_modules[train.compile=true-gate9]",
    "test_gradients_are_those_of_one_process_on_the_joint_batch[all losses",
    "test_gradients_are_those_of_one_process_on_the_joint_batch[default losses-3]",
    "test_processes_that_are_killed_go_on_bit_for_bit[3]",
    "test_the_edges_drawn_equal_the_table",
    "test_the_quick_tests_of_the_sdist_pass",
    "test_the_gates_of_the_config_are_those_that_are_audited[model",
    "test_the_gates_of_the_config_are_those_that_are_audited[train.detach_decoder",
    "test_the_same_input_gives_the_same_bytes_in_another_process",
    "test_two_processes_pass_through_the_phases_and_can_be_stopped_in_each",
    "test_what_a_gate_rule_measures_is_the_difference_of_two_audits[dynamics-shaped-by-pose",
    "test_what_a_gate_rule_measures_is_the_difference_of_two_audits[encoder-shaped-by-dynamics-['losses.s",
)
"""Tests of tens of seconds whose promise another, shorter test guards too: `make thorough` runs them."""
THOROUGH_FILES = (
    "audits/contract/test_update_properties.py",
    "audits/diagram/test_page.py",
    "audits/diagram/test_picture.py",
    "audits/diagram/test_truth.py",
    "audits/test_dataflow.py",
    "cli/test_check_measure.py",
    "cli/test_documents.py",
    "cli/test_render_flow.py",
    "cli/test_training_audit.py",
    "docs/test_pictures.py",
    "docs/test_site.py",
    "hostile/test_damaged_runs.py",
    "training/test_knobs.py",
    "training/test_loggers.py",
    "training/test_phases.py",
    "training/test_processes.py",
)
"""Files of minutes: `make thorough` runs them, for what they are about was changed, and before a release."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow as a whole."""
    for item in items:
        file = item.path.relative_to(Path(__file__).parent).as_posix()
        if file in THOROUGH_FILES or item.nodeid.rpartition("::")[2].startswith(THOROUGH):
            item.add_marker(pytest.mark.thorough)
        if file.startswith(SLOW) and file not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that forks processes which meet may wait for ever in a process that earlier tests have used.

    What they left of process groups and threads is forked too. It gets a process of its own, unless it runs alone.
    """
    distributed = sys.modules.get("torch.distributed")
    used = hasattr(pyfuncitem.config, "workerinput") or (distributed and distributed.is_initialized())
    if not pyfuncitem.get_closest_marker("forks") or not used:
        return None
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-m", "", pyfuncitem.nodeid]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=pyfuncitem.config.rootpath, capture_output=True, text=True, env=own, timeout=600)
    if run.returncode:
        pytest.fail(run.stdout + run.stderr, pytrace=False)
    return True
