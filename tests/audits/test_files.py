"""A file is written whole or not at all, under names that are nobody else's."""

import os
from pathlib import Path

import pytest

from audits import files
from audits.errors import UserError
from audits.files import LEFT_OVER, CannotWrite, is_left_over, replace_file, write_file


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_the_file_is_there_afterwards(tmp_path: Path) -> None:
    for content in ("ẑ", b"\xff"):
        write_file(tmp_path / "a.txt", content)
        assert (tmp_path / "a.txt").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(tmp_path) == {"a.txt"}


def test_files_of_the_user_with_names_of_temporary_files_stay(tmp_path: Path) -> None:
    others = ("a.txt.part", ".a.txt.part", "a.txt.tmp", ".a.txt.partial")
    for name in others:
        (tmp_path / name).write_text(name)
    write_file(tmp_path / "a.txt", "new")
    assert all((tmp_path / name).read_text() == name for name in others)


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(files, "flush", full)
    with pytest.raises(CannotWrite, match=r"a\.txt cannot be written: No space left on device"):
        write_file(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == {"a.txt"}


@pytest.mark.parametrize("path", ["no/a.txt", "x" * 300, "file/a.txt", "folder"])
def test_a_path_where_no_file_can_be_is_a_mistake_of_the_user(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_file(tmp_path / path, "new")
    assert names(tmp_path) == {"file", "folder"}


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    replace_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    replace_file(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_writer_left_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", lambda *_: None)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    write_file(tmp_path / "a.txt", "new")
    (left,) = tmp_path.iterdir()
    assert is_left_over(left)
    assert list(tmp_path.glob(LEFT_OVER)) == [left]
    assert not any(is_left_over(tmp_path / name) for name in ("a.txt.part", ".a.part", "jepa.part"))


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """An output that is called /dev/null must not take the place of the device, even if the user may do that."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(CannotWrite, match="expected a file, found a pipe"):
            write_file(path, "text")
    with pytest.raises(CannotWrite, match="found a device"):
        write_file(Path(os.devnull), "text")
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert {file.name for file in tmp_path.iterdir()} == {"pipe", "link"}
