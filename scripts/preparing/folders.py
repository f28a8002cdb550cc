"""New folders that appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmrec.errors import DataError
from mmrec.features.replacing import replacing
from mmrec.files import write_atomically

PROVENANCE = "provenance.json"
"""Says, in a prepared folder, what it was made from and how."""


def refuse_existing(target: Path) -> None:
    """Raise a DataError if there is anything in the way of ``target``, even a dangling link."""
    if target.exists() or target.is_symlink():
        raise DataError(f"{target}: exists already; remove it or choose another name")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``target`` in the end; after an error it vanishes.

    Its parent is a folder for temporary files, which vanishes in any case.

    Raises:
        DataError: ``target`` exists, or cannot be written.
    """
    refuse_existing(target)
    try:
        with replacing(target) as temporary:
            temporary.mkdir()
            yield temporary
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error


def sha256_of_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file of any size.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def write_provenance(path: Path, facts: Mapping[str, object]) -> None:
    """Write facts as JSON; the same facts give the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomically(path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
