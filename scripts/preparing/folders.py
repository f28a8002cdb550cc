"""Atomic creation of folders, and files about their provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmrec.errors import DataError
from mmrec.features.replacing import replacing
from mmrec.files import write_atomically

PROVENANCE = "provenance.json"
"""The file with the provenance of a prepared folder."""


def refuse_existing(target: Path) -> None:
    """Raise a DataError if ``target`` exists, even as a broken link."""
    if target.exists() or target.is_symlink():
        raise DataError(f"{target}: already exists; remove it or choose another name")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``target`` at the end; after an error it is removed.

    Its parent is a folder for temporary files, which is always removed.

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


def write_provenance(path: Path, facts: Mapping[str, object]) -> None:
    """Write facts as JSON; the same facts give the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomically(path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
