"""Writing files so that a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mmrec.errors import DataError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write through a temporary file in the same folder, which is made if it is missing.

    Raises:
        DataError: the file cannot be written (disk full, read-only folder); an earlier version of
            it is intact.
    """
    data = content.encode() if isinstance(content, str) else content
    write_through(path, lambda file: file.write(data))


def write_through(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file and put it in place of ``path`` when it is complete.

    Raises:
        DataError: the file cannot be written; an earlier version of it is intact.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def append_line(path: Path, line: str) -> None:
    """Append one line and wait until it is on the disk.

    Raises:
        DataError: the line cannot be written.
    """
    try:
        with path.open("ab") as file:
            if file.tell() and not _ends_with_newline(path):
                file.write(b"\n")  # after a torn line of a killed process
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error


def sha256(*parts: bytes | memoryview) -> str:
    """Return the hexadecimal SHA-256 of the parts, one after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
