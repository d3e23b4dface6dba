"""Packages of the same name elsewhere hide none of ours, until a command gives up a name."""

import subprocess
import sys
from pathlib import Path

import pytest

from jepa_cli.terminal.own_packages import HOME, PACKAGES

ASK = """
import sys
from jepa_cli.terminal import own_packages
sys.path.insert(0, {folder!r})
{prepare}
print(*(__import__(name).__file__ for name in own_packages.PACKAGES), sep="\\n")
"""


@pytest.mark.parametrize(
    ("prepare", "own"),
    [
        ("", PACKAGES),
        ("own_packages.release('jepa_world_model')", ("audits",)),
        ("own_packages.release('jepa_world_model'); own_packages.claim()", PACKAGES),
        ("own_packages.release('jepa_world_model'); own_packages.release('audits')", ()),
    ],
)
def test_a_package_is_ours_while_it_is_claimed(prepare: str, own: tuple[str, ...], tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    code = ASK.format(folder=str(tmp_path), prepare=prepare)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path.parent)
    homes = {name: HOME if name in own else str(tmp_path) for name in PACKAGES}
    assert [str(Path(file).parents[1]) for file in run.stdout.splitlines()] == list(homes.values())
