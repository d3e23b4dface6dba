"""A script that gives no audit ends in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from audits.errors import AuditError
from audits.script.request import Script
from audits.script.running import run_script
from tests.script.running import audited, written

MESSAGES = {
    "needs arguments": (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--data', required=True)\np.parse_args()",
        "train exits with code 2 before it has taken a step: what stands after -- is given to it as arguments",
    ),
    "exits": ("raise SystemExit('no data')", "train exits with the message 'no data' before it has taken a step"),
    "never trains": ("nn.Linear(2, 2)(torch.ones(2))", "train never goes backward"),
    "reads": ("name = input('run: ')", "train reads from standard input, where an audit has nothing for it"),
    "dies": ("x = 1\nraise ValueError('no such data')", "train raises ValueError:\n    File"),
    "misses a module": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named"),
    "is no Python": ("def train(:\n    pass", "SyntaxError"),
    "has nothing to train": (
        "x = torch.ones(2, requires_grad=True)\nopt = torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1)\n"
        "raise SystemExit(3)",
        "exits with code 3",
    ),
}


@pytest.mark.parametrize("how", MESSAGES)
def test_one_message(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, message = MESSAGES[how]
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("builtins.input", _no_input)
    with pytest.raises(AuditError) as caught:
        run_script(Script(written(tmp_path, text)))
    assert message in str(caught.value)


def _no_input(_: str = "") -> str:
    raise EOFError("EOF when reading a line")


def test_a_script_that_ends_before_all_of_its_optimizers_have_stepped_is_told_of(tmp_path: Path) -> None:
    text = """
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    first, second = torch.optim.SGD(a.parameters(), 0.1), torch.optim.SGD(b.parameters(), 0.1)
    b(a(torch.ones(2))).sum().backward()
    first.step()
    """
    found = run_script(Script(written(tmp_path, text)))
    assert found.flows[0].updated(found.losses[0]) == ("a", "b")
    assert any("made no step" in note for note in found.notes)


def test_what_a_script_sees_is_what_python_gives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("width = 3\n")
    text = """
    import sys, os, beside
    assert __name__ == "__main__"
    assert sys.argv[1:] == ["--lr", "0.1"], sys.argv
    assert os.path.samefile(sys.path[0], os.path.dirname(__file__))
    net = nn.Linear(beside.width, 1)
    opt = torch.optim.SGD(net.parameters(), lr=float(sys.argv[2]))
    net(torch.ones(3)).sum().backward()
    opt.step()
    """
    path = written(tmp_path, text)
    before = sorted(tmp_path.rglob("*"))
    found = run_script(Script(path, arguments=["--lr", "0.1"]))
    assert found.modules == ("net",)
    assert [each for each in sorted(tmp_path.rglob("*")) if "__pycache__" not in each.parts] == before


def test_a_script_whose_optimizer_never_steps_is_not_run_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("audits.script.session.WITHOUT_STEP", 3)
    text = """
        net = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for number in range(10):
            print("batch", number)
            loss = net(torch.ones(4, 2)).mean()
            loss.backward()
    """
    found = audited(tmp_path, text)
    assert [each.kind for each in found.steps.findings] == ["nothing moves"]  # type: ignore[union-attr]
    assert "batch 3" in (printed := capsys.readouterr().out)
    assert "batch 4" not in printed
