"""Which Python files of an experiment may be executed when a finished run is opened.

A run names its file of external models. Opening a run that someone else made must not execute
that file unasked: a file is trusted if an experiment of this user has executed it, which is noted
by its path and digest in the user's cache folder, or if the user says so.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from mmrec.errors import TrustError, WriteError
from mmrec.files import cache_folder, path_errors, sha256, write_atomically
from mmrec.models import source_digests

logger = logging.getLogger(__name__)


def note_trusted(code: Path | None) -> None:
    """Note that an experiment of this user executes a file or folder of external models."""
    mark = None if code is None else _mark(code)
    if mark is None or mark.exists():
        return
    try:
        write_atomically(mark, f"{code}\n")
    except WriteError as error:
        logger.warning("%s; 'mmrec verify' and 'mmrec show' will need --trust", error)


def is_trusted(code: Path | None) -> bool:
    """Return whether an experiment of this user has executed a file with this content."""
    if code is None:
        return True
    mark = _mark(code)
    return mark is not None and mark.exists()


def check_trust(run: Path, code: Path | None) -> None:
    """Refuse to execute the external models of a run that are not trusted.

    Raises:
        TrustError: no experiment of this user has executed a file with this content.
    """
    if code is None or not code.exists() or is_trusted(code):  # a missing file has its own message
        return
    raise TrustError(
        f"{run}: opening this run executes {code} (SHA-256 {_digest(code)}), which no experiment "
        "of yours has executed with this content; read the file, then pass --trust (trust=True in "
        "Python)"
    )


def _digest(code: Path) -> str:
    """Return the digest of a file, or of all files that external models may come from."""
    with path_errors(code):
        digests = source_digests(code)
    if code.is_file() and len(digests) == 1:
        return next(iter(digests.values()))
    return sha256(json.dumps(digests).encode())


def _mark(code: Path) -> Path | None:
    """Return the file that says that a file is trusted; None without a home folder."""
    cache = cache_folder()
    if cache is None or not code.exists():
        return None
    facts = json.dumps([str(code.resolve()), _digest(code)])
    return cache / "trusted" / sha256(facts.encode())
