"""Interaction files as text, plain or gzipped, and what keeps bytes from being text.

Everything is checked before a parser sees it: pandas would cut a field off at a NUL byte, and wait
for ever for the end of a line that has none.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from mmrec.errors import DataError

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20
"""Bytes that are checked at once; no line is longer than two of these."""
_SHOWN = 80


def kind_of(path: Path) -> str:
    """Return the ending of a file's name in lower case, without that of gzip."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def check_text(path: Path) -> None:
    """Read a file once to see that it is lines of UTF-8.

    Raises:
        DataError: the file is missing or no file, its gzip stream is damaged, or a line is not
            UTF-8, holds a NUL byte or has no end; the message names the line.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    for chunk in _chunks(path):
        nul = chunk.find(b"\0")
        try:
            decoder.decode(chunk if nul < 0 else chunk[:nul])
        except UnicodeDecodeError as error:
            raise _not_utf8(path, line, error) from error
        if nul >= 0:
            line += _count_ends(chunk[:nul])
            raise DataError(
                f"{path}:{line}: the line holds a NUL byte, as no text does: {_shown(path, line)}"
            )
        n_ends = _count_ends(chunk)
        if not n_ends and len(chunk) == _CHUNK:
            raise DataError(
                f"{path}:{line}: the line is longer than {_CHUNK:,} bytes: {_shown(path, line)}"
            )
        line += n_ends
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, line, error) from error


def read_text(path: Path) -> str:
    """Return all of a file, which need not have lines, without a byte order mark.

    Raises:
        DataError: the file is missing or no file, its gzip stream is damaged, or it is not UTF-8.
    """
    content = b"".join(_chunks(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, 1, error) from error


@contextmanager
def open_text(path: Path, errors: str = "strict") -> Iterator[TextIO]:
    """Open a file as text, without a byte order mark, every line end as one newline."""
    with _open(path) as file, io.TextIOWrapper(file, "utf-8-sig", errors) as text:
        yield text


def shown(line: str) -> str:
    """Return a line as messages show it: in quotation marks, and cut if it is long."""
    line = line.rstrip("\r\n")
    return repr(line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "...")


def _open(path: Path) -> BinaryIO:
    """Open a file for reading, through gzip if its name or its first bytes say so."""
    file = path.open("rb")
    if path.suffix.lower() != ".gz" and file.peek()[: len(_GZIP)] != _GZIP:
        return file
    file.close()
    return cast("BinaryIO", gzip.open(path))


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file, never cut between the two bytes of a line end."""
    n_bytes = 0
    try:
        if path.is_fifo():
            raise DataError(f"{path}: expected a file, found a pipe, which cannot be read twice")
        with _open(path) as file:
            held = b""
            while chunk := held + file.read(_CHUNK - len(held)):
                held = b"\r" if chunk.endswith(b"\r") and len(chunk) == _CHUNK else b""
                yield chunk.removesuffix(held)
                n_bytes += len(chunk) - len(held)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip stream cannot be read after {n_bytes:,} bytes of text: {error}"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _count_ends(chunk: bytes) -> int:
    return chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")


def _not_utf8(path: Path, first_line: int, error: UnicodeDecodeError) -> DataError:
    line = first_line + _count_ends(bytes(error.object[: error.start]))
    return DataError(f"{path}:{line}: the line is not UTF-8 text: {_shown(path, line)}")


def _shown(path: Path, number: int) -> str:
    """Show a line that is no text; bytes that are not UTF-8 become lone surrogates."""
    with open_text(path, errors="surrogateescape") as lines:
        for _ in islice(lines, number - 1):
            pass
        return shown(lines.readline(_SHOWN + 1))
