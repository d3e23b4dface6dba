"""The fixture `gradient_flow`: what a test of somebody else's trainer says, and what an update writes."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import pytest_gradient_flow
from jepa_cli.testing.turns import one_at_a_time

TRAINER = """
from torch import nn, linspace
from audits import Target

def target(*, stopped=True):
    net = nn.ModuleDict({"encoder": nn.Linear(4, 4), "value": nn.Linear(4, 1)})
    def losses(x):
        z = net["encoder"](x)
        return {"fit": (z - x).square().mean(), "value": net["value"](z.detach() if stopped else z).square().mean()}
    return Target(net, losses, batches=[linspace(-1, 1, 12).reshape(3, 4)], name="mine")
"""
TEST = """
from trainer_of_plugin_test import target

def test_flow(gradient_flow):
    comparison = gradient_flow(lambda: target(stopped=STOPPED), "FLOW.md")
    assert comparison.passed
"""
SCRIPT = """
import torch
model = torch.nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(2):
    loss = model(torch.ones(2, 4)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""

NUMBER = count()
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run pytest in a folder that has a trainer and one test, in this process."""
    (tmp_path / "trainer_of_plugin_test.py").write_text(TRAINER, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def carry_out(test: str, *options: str) -> tuple[int, str]:
        name = f"test_of_plugin_{next(NUMBER)}.py"  # each is imported once
        (tmp_path / name).write_text(test, encoding="utf-8")
        fixed = ["-p", "pytest_gradient_flow", "-q", "--import-mode=importlib"]
        fixed += ["-p", "no:cacheprovider", "-p", "no:unraisableexception"]  # which collects garbage at every end
        code = pytest.main([*fixed, *options, str(tmp_path / name)])
        return int(code), capfd.readouterr().out

    return carry_out


def test_a_document_is_written_compared_and_updated(run: Run, tmp_path: Path) -> None:
    as_it_is, changed = TEST.replace("STOPPED", "True"), TEST.replace("STOPPED", "False")
    code, out = run(as_it_is)
    assert code == 1
    assert "FLOW.md does not exist" in out
    assert "--gradient-flow-update writes one" in out

    code, out = run(as_it_is, "--gradient-flow-update")
    assert code == 0
    assert "gradient flow: FLOW.md written" in out
    document, lock = tmp_path / "FLOW.md", tmp_path / "FLOW.lock.json"
    before = document.read_text(encoding="utf-8")
    assert "| `value` | sg(z) | value | |" in before
    assert lock.exists()
    assert run(as_it_is)[0] == 0

    code, out = run(changed)
    assert code == 1
    assert "stop gone: trainer_of_plugin_test.target.losses: z.detach()" in out  # as the command prints it
    assert "remedy" in out
    assert "Traceback" not in out
    assert document.read_text(encoding="utf-8") == before

    assert run(changed, "--gradient-flow-update")[0] == 0
    assert "| `value` | — | encoder, value | |" in document.read_text(encoding="utf-8")
    stamp = document.stat().st_mtime_ns
    code, out = run(changed, "--gradient-flow-update")
    assert (code, document.stat().st_mtime_ns) == (0, stamp)
    assert "FLOW.md written" not in out


def test_a_script_is_run_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    code, out = run('def test_flow(gradient_flow): gradient_flow("train.py", "SCRIPT.md")', "--gradient-flow-update")
    assert code == 0, out
    assert "| `opt` | model | `loss` |" in (tmp_path / "SCRIPT.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("trainer", "said"),
    [
        ("lambda: 3", "expected an audits.Target, found int"),
        ('"no_such_module:target"', "there is no module 'no_such_module'"),
        ('"missing.py"', "no such file"),
    ],
)
def test_what_cannot_be_audited_is_one_message(trainer: str, said: str, run: Run) -> None:
    code, out = run(f'def test_flow(gradient_flow): gradient_flow({trainer}, "FLOW.md")')
    assert code == 1
    assert said in out
    assert "Traceback" not in out


def loaded_with(plugin: str) -> set[str]:
    code = f"import sys\nimport pytest, {plugin}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    root = Path(pytest_gradient_flow.__file__).parent
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return set(found.stdout.split())


def test_an_unused_plugin_loads_nothing() -> None:
    assert loaded_with("pytest_gradient_flow").isdisjoint({"torch", "audits", "jepa_cli", "rich", "numpy"})


def test_the_check_of_what_is_loaded_can_fail() -> None:
    assert "audits" in loaded_with("audits")


def count_up(path: Path, times: int) -> None:
    for _ in range(times):
        with one_at_a_time(path):
            path.write_text(str(int(path.read_text()) + 1))


def test_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=count_up, args=(path, 200)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert path.read_text() == "400"
    assert [file.name for file in tmp_path.iterdir()] == ["count"]
