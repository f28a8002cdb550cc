"""Files: atomic writes, and errors that name the path.

A reader of a file that is written atomically sees the old or the new content, never a part of it.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mmrec.errors import DataError, WriteError


@contextmanager
def path_errors(path: Path, problem: str = "cannot be read") -> Iterator[None]:
    """Return a context that turns an OSError into a DataError with the path and the reason.

    Args:
        path: named in the message, unless the error has a path of its own.
        problem: what went wrong with the path.

    Raises:
        DataError: the block raised an OSError, for example because a folder may not be entered
            or a name is too long.
    """
    try:
        yield
    except OSError as error:
        named = path if error.filename is None else error.filename
        raise DataError(f"{named}: {problem}: {error.strerror or error}") from error


def regular(path: str, flags: int) -> int:
    """Open a regular file; an ``opener`` for :func:`open`.

    Reading or writing a pipe or a device could wait forever, and reading some never ends.

    Raises:
        OSError: it cannot be opened, or it is no regular file.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: it cannot be read, or it is no regular file.
    """
    with open(path, "rb", opener=regular) as file:
        return file.read()


def encoded(text: str) -> bytes:
    r"""Return a text as UTF-8.

    A byte of a path that is not UTF-8, which Python keeps as a lone surrogate, is written as an
    escape such as ``\udce9``. In JSON this is the same text.
    """
    return text.encode(errors="backslashreplace")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write through a temporary file in the same folder, which is created if missing.

    Raises:
        WriteError: the disk is full or the folder read-only; the earlier file is unchanged.
    """
    data = encoded(content) if isinstance(content, str) else content
    write_through(path, lambda file: file.write(data))


def write_through(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call ``write`` on a temporary file, then replace ``path`` with it.

    Raises:
        WriteError: the file cannot be written; the earlier file is unchanged.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        cause = _system_error(error)
        if cause is None:
            raise
        raise WriteError(f"{path}: cannot be written: {cause.strerror or cause}") from error


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the OSError behind an error; torch wraps a full disk into a RuntimeError."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def write_folder(folder: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write a complete folder; nothing happens if it already has the same content.

    Args:
        folder: nothing in it is ever replaced.
        files: relative path and text of each file.

    Raises:
        DataError: the folder has other content.
        WriteError: it cannot be written.
    """
    temporary = _temporary(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name, text in files:
            write_atomically(temporary / name, text)
        if not folder.is_dir() or not any(folder.iterdir()):
            temporary.replace(folder)
            return
        other = _first_other(folder, temporary)
        if other is not None:
            raise DataError(
                f"{folder}: the folder already has other content ({other}); remove it, or choose "
                "another folder"
            )
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary(path: Path) -> Path:
    """Return a new hidden path next to a path, whose name is never too long.

    It is opened as any file, so that the system applies the umask: to read the umask is to change
    it, for all threads of the process.
    """
    return path.with_name(f".{path.name[-60:]}.{secrets.token_hex(4)}")


def _first_other(one: Path, other: Path) -> str | None:
    """Return the first file that differs between two folders."""
    names = [
        {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}
        for root in (one, other)
    ]
    for name in sorted(names[0] | names[1]):
        paths = one / name, other / name
        if not (name in names[0] and name in names[1] and filecmp.cmp(*paths, shallow=False)):
            return name
    return None


def append_line(path: Path, line: str) -> None:
    """Append one line and wait until it is on disk.

    Raises:
        WriteError: the line cannot be written.
    """
    append_bytes(path, encoded(line) + b"\n")


def append_bytes(path: Path, content: bytes) -> None:
    """Append whole lines and wait until they are on disk.

    Raises:
        WriteError: they cannot be written.
    """
    try:
        with path.open("ab") as file:
            if file.tell() and not _ends_with_newline(path):
                file.write(b"\n")  # after a torn line of a killed process
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error


def sha256(*parts: bytes | memoryview) -> str:
    """Return the hexadecimal SHA-256 of the concatenated parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a regular file of any size.

    Raises:
        DataError: the file cannot be read.
    """
    with path_errors(path), open(path, "rb", opener=regular) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: Path) -> bool:
    """Return whether a path is a file.

    Raises:
        DataError: the system does not tell, for example because a folder may not be entered.
    """
    with path_errors(path):
        return path.is_file()


def cache_folder() -> Path | None:
    """Return the folder of cached files, which may not exist; None without a home folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # unset, or to be ignored as the XDG specification demands
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "mmrec"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return a JSON value.

    Raises:
        ValueError: it is not JSON, or it is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists and objects are nested too deeply") from None
