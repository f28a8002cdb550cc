"""What is written atomically: its name, its permissions, and nothing else of the process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmrec.errors import WriteError
from mmrec.files import write_atomically, write_folder


def test_the_umask_applies_and_is_never_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All threads share it: while it is read, a file of another thread is open to everybody."""
    was = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
            write_atomically(tmp_path / "a.txt", "a")
            write_folder(tmp_path / "b", [("c.txt", "c")])
    finally:
        os.umask(was)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"a.txt": 0o640, "b": 0o750, "c.txt": 0o640}


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    for name in ("a" * 251 + ".tsv", "\u6a21" * 83 + ".tsv"):
        write_atomically(tmp_path / name, "a")
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


def test_a_path_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(WriteError, match=r"a/b\.txt"):
        write_atomically(tmp_path / "a" / "b.txt", "b")
