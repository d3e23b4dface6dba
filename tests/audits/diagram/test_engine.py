"""Graphviz: which one is used, and what becomes of its failures."""

import os
import stat
import sys
from pathlib import Path

import pytest

from audits import AuditError
from audits.diagram import engine

GRAPH = "digraph { a -> b }"


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without pygraphviz, whose PATH is an empty folder."""
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # importing it fails
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(folder: Path, body: str) -> None:
    """A `dot` that does as `body` says, in Python."""
    program = folder / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_the_package_draws(capfd: pytest.CaptureFixture[str]) -> None:
    assert engine.is_available()
    assert b"<svg" in engine.drawn(GRAPH, "svg")
    assert capfd.readouterr() == ("", "")  # remarks of C libraries on the fonts of a machine are nobody's business


def test_a_dot_on_the_path_draws_where_there_is_no_package(without_package: Path) -> None:
    install(without_package, "print(sys.argv[1:], sys.stdin.read())")
    assert engine.is_available()
    assert engine.drawn(GRAPH, "svg").decode().strip() == f"['-Tsvg'] {GRAPH}"
    assert b"-Gdpi=144" in engine.drawn(GRAPH, "png")


def test_without_any_engine_it_says_what_to_install(without_package: Path) -> None:
    assert not engine.is_available()
    with pytest.raises(AuditError, match="needs Graphviz: pip install pygraphviz, or install Graphviz"):
        engine.drawn(GRAPH, "svg")


def test_a_graph_with_a_mistake_is_reported() -> None:
    with pytest.raises(AuditError, match="could not draw svg: Error: syntax error in line 1"):
        engine.drawn("digraph { a -> ", "svg")


def test_a_part_that_the_engine_would_leave_out_is_reported() -> None:
    with pytest.raises(AuditError, match="mismatched tag"):
        engine.drawn("digraph { a [label=<<b>x>] }", "svg")


def test_a_failing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: str) -> None:
        raise OSError("libcairo is missing")

    monkeypatch.setattr("pygraphviz.AGraph", fail)
    with pytest.raises(AuditError, match="could not draw png: libcairo is missing"):
        engine.drawn(GRAPH, "png")


def test_a_failing_dot_is_reported(without_package: Path) -> None:
    install(without_package, "sys.exit('dot: out of ink')")
    with pytest.raises(AuditError, match="could not draw svg: dot: out of ink"):
        engine.drawn(GRAPH, "svg")


def test_a_dot_that_gives_nothing_is_reported(without_package: Path) -> None:
    install(without_package, "")
    with pytest.raises(AuditError, match=r"could not draw svg: .*dot ended with 0"):
        engine.drawn(GRAPH, "svg")


def test_a_dot_that_cannot_run_is_reported(without_package: Path) -> None:
    (without_package / "dot").write_bytes(b"\x00\x01")
    os.chmod(without_package / "dot", 0o755)
    with pytest.raises(AuditError, match="could not draw svg: "):
        engine.drawn(GRAPH, "svg")
