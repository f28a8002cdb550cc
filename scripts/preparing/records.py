"""Reading the lines of the Amazon 2014 files."""

from __future__ import annotations

import ast
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from mmrec.errors import DataError

Record = TypeVar("Record")

_SHOWN = 3
"""Number of invalid lines in a message."""


class BrokenLines:
    """Counts invalid lines and keeps the first ones.

    Args:
        path: the file, for messages.
        skip: skip invalid lines instead of raising a DataError.
    """

    def __init__(self, path: Path, *, skip: bool) -> None:
        self.count = 0
        self._path = path
        self._skip = skip
        self._first: list[str] = []

    def add(self, number: int, reason: str) -> None:
        """Count a line.

        Raises:
            DataError: invalid lines are not skipped.
        """
        self.count += 1
        if not self._skip:
            raise DataError(
                f"{self._path}:{number}: {reason}; --skip-broken-lines skips such lines"
            )
        if len(self._first) < _SHOWN:
            self._first.append(f"{self._path}:{number}: {reason}")

    def lines(self) -> Iterator[str]:
        """Yield messages about the skipped lines."""
        yield from self._first
        if self.count > len(self._first):
            yield f"{self._path}: and {self.count - len(self._first)} more broken lines"


def read_records(
    path: Path, convert: Callable[[Mapping[str, Any]], Record], broken: BrokenLines
) -> Iterator[Record]:
    """Yield the converted object of every line that is not blank.

    A line is a JSON object or a Python literal: both occur in these files.

    Args:
        path: text, compressed by gzip if its name ends in ``.gz``.
        convert: raises a ValueError for an invalid object.
        broken: collects invalid lines.

    Raises:
        DataError: the file is missing, damaged or truncated.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    record = convert(_parse(line))
                except (ValueError, OverflowError) as error:
                    broken.add(number, str(error))
                    continue
                yield record
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: damaged or truncated after line {number} ({error}); download it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _parse(line: bytes) -> Mapping[str, Any]:
    start = repr(line[:60].decode("utf-8", "replace").rstrip("\n"))
    try:
        text = line.decode("utf-8")
        try:
            value = json.loads(text)
        except ValueError:
            value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"neither JSON nor a Python literal: {start}") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {start}")
    return value
