"""Numbers of compressed files and text files, which cannot be mapped into memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmrec.errors import DataError
from mmrec.features.source import Numbers


def unpack(source: Path, pieces: Iterable[bytes], kind: npt.DTypeLike) -> Numbers:
    """Write pieces to a temporary file and map it, so that files larger than memory can be read.

    The file has no name and disappears with the process.

    Args:
        source: the file that is unpacked, for messages.
        pieces: the bytes of the numbers.
        kind: type of the numbers.

    Returns:
        The numbers [n], read-only.

    Raises:
        DataError: the folder for temporary files has no space.
    """
    with tempfile.TemporaryFile(prefix="mmrec-") as file:
        for piece in pieces:
            try:
                file.write(piece)
            except OSError as error:
                raise _no_space(source, error) from error
        try:
            file.flush()
        except OSError as error:
            raise _no_space(source, error) from error
        if not file.tell():
            return np.empty(0, kind)
        return np.asarray(np.memmap(file, kind, mode="r"))


def _no_space(source: Path, error: OSError) -> DataError:
    return DataError(
        f"{source}: cannot be unpacked into {tempfile.gettempdir()}: {error.strerror or error}; "
        "set TMPDIR to a folder with more space"
    )
