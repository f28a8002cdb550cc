"""Matrices that a file holds in a form that cannot be mapped: compressed, or as text.

They are unpacked piece by piece: small ones into memory, larger ones into a temporary file without
a name, which is then mapped and vanishes with the process.
"""

from __future__ import annotations

import io
import logging
import tempfile
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from mmrec.features.source import Numbers, block_rows

logger = logging.getLogger(__name__)

HELD_BYTES = 1 << 25
"""How much is held in memory before it goes to the disk (32 MiB)."""


class Scratch:
    """Takes the bytes of a matrix one after the other, and gives the matrix back.

    If the folder for temporary files (``TMPDIR``) has no room, everything stays in memory, and the
    log says so. Used in a ``with`` statement; a matrix stays valid beyond it.

    Args:
        source: the file that is unpacked, for the log.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._held = bytearray()
        self._file: io.FileIO | None = None
        self._n_spilled = 0
        self._has_room = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:  # its mapping holds it open
            self._file.close()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        self._held += data
        if self._has_room and len(self._held) >= HELD_BYTES:
            self._spill()

    def matrix(self, kind: npt.DTypeLike, n_columns: int) -> Numbers:
        """Return what was written as a matrix [N, n_columns] of one kind of numbers.

        Raises:
            ValueError: it does not fill a whole number of rows.
        """
        if self._file is not None and self._held:
            self._spill()
        flat: Numbers
        if self._file is None:
            flat = np.frombuffer(self._held, kind)
        else:
            flat = np.asarray(np.memmap(self._file, kind, mode="r"))
        return flat.reshape(-1, n_columns)

    def matrix_of_columns(self, kind: npt.DTypeLike, n_rows: int) -> Numbers:
        """Return a matrix [n_rows, F] whose columns were written one after the other.

        Its rows lie together again: of rows that are strewn over a file, most of the file would
        have to be in memory.

        Raises:
            ValueError: what was written does not fill a whole number of columns.
        """
        columns = self.matrix(kind, n_rows)
        if self._file is None:
            return columns.T
        step = block_rows(len(columns))
        with Scratch(self._source) as turned:
            for start in range(0, n_rows, step):
                block = np.empty((len(columns), min(step, n_rows - start)), kind)
                for number, part in enumerate(block):
                    self._file.seek((number * n_rows + start) * block.itemsize)
                    self._file.readinto(part.data)
                turned.write(block.T.tobytes())
            return turned.matrix(kind, len(columns))

    def _spill(self) -> None:
        try:
            if self._file is None:
                # Without a buffer: what a full disk refuses must not be tried again on closing.
                self._file = tempfile.TemporaryFile(prefix="mmrec-", buffering=0)  # noqa: SIM115
            waiting = memoryview(self._held)
            while waiting:
                waiting = waiting[self._file.write(waiting) :]
        except OSError as error:
            self._stay_in_memory(error)
        else:
            self._n_spilled += len(self._held)
            self._held = bytearray()

    def _stay_in_memory(self, error: OSError) -> None:
        logger.warning(
            "%s: is unpacked in memory, since there is no room in the folder for temporary files, "
            "which TMPDIR names: %s",
            self._source,
            error.strerror or error,
        )
        self._has_room = False
        if self._file is None:
            return
        self._file.seek(0)
        spilled = bytearray(self._n_spilled)
        with self._file:
            self._file.readinto(spilled)
        self._held = spilled + self._held
        self._file = None
