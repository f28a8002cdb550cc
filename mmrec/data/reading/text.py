"""Text files, plain or gzipped, and the records of tables.

Files are checked before pandas parses them: it would cut a field at a NUL byte, and read a file
without line ends completely.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from mmrec.errors import DataError

_GZIP = b"\x1f\x8b"
_NOT_TEXT = {
    re.compile(rb"PK\x03\x04"): "a zip archive",
    re.compile(rb".{257}ustar", re.DOTALL): "a tar archive",
    re.compile(rb"BZh\d1AY&SY"): "a bzip2 file",
    re.compile(rb"\xfd7zXZ\0"): "an xz file",
    re.compile(rb"\x28\xb5\x2f\xfd"): "a zstd file",
    re.compile(_GZIP): "a gzip stream in a gzip stream",
    re.compile(rb"PAR1[\0-\x08\x0e-\x1f]"): "a Parquet table",
    re.compile(rb"\x80[\x02-\x05]"): "a pickle",
}
"""How files start that are not text."""
_CHUNK = 1 << 20
"""Bytes that are checked at a time; no line is longer than two chunks."""
_SHOWN = 80
_LONGEST = 1 << 24
"""Characters of a line of vectors."""
_MOST_EXPANSION = 300
"""How many times larger the text of a gzip stream may be. Text rarely exceeds 50 times; a stream
that is made to fill the memory reaches 1,000 times."""
_EXPANDED = 1 << 26
"""Bytes of text that are read in any case (64 MiB)."""
UTF_8 = "utf-8"
QUOTING = (",", ";")
"""Separators of tables whose fields may be quoted."""

Records = Iterator[tuple[int, list[str]]]
"""The line that a record starts in, counted from 1, and its fields."""


def kind_of(path: Path) -> str:
    """Return the suffix of a file in lower case, without ``.gz``."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def check_text(path: Path, encoding: str = UTF_8) -> None:
    """Check that a file consists of lines of text.

    Raises:
        DataError: the file is missing or not a file, its gzip stream is damaged, or a line is not
            in the encoding, contains a NUL byte or is too long; the message contains the line.
    """
    if encoding != UTF_8:
        _check_encoded(path, encoding)
        return
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
            raise DataError(f"{path}:{line}: the line contains a NUL byte: {_shown(path, line)}")
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


def _check_encoded(path: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    utf_8 = None if encoding.startswith(UTF_8) else codecs.getincrementaldecoder(UTF_8)()
    is_ascii = True
    line = 1
    try:
        for chunk in chain(_chunks(path), [b""]):
            text = decoder.decode(chunk, final=not chunk)
            line += text.count("\n")
            if "\0" in text:
                raise DataError(f"{path}: the text contains a NUL character (encoding: {encoding})")
            is_ascii = is_ascii and chunk.isascii()
            if utf_8 is not None and not _decodes(utf_8, chunk):
                utf_8 = None
    except UnicodeError as error:
        raise DataError(
            f"{path}: after line {line}: the text is not {encoding}: {error}"
        ) from error
    if utf_8 is not None and not is_ascii:
        raise DataError(f"{path}: the text is UTF-8, not {encoding}; remove 'encoding'")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return False
    return True


def read_text(path: Path) -> str:
    """Return the content of a file without a byte order mark.

    Raises:
        DataError: the file is missing or not a file, its gzip stream is damaged, or it is not
            UTF-8.
    """
    content = b"".join(_chunks(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, 1, error) from error


@contextmanager
def open_text(path: Path, errors: str = "strict", *, encoding: str = UTF_8) -> Iterator[TextIO]:
    """Open a file as text, without a byte order mark, with all line ends as newlines."""
    name = "utf-8-sig" if encoding == UTF_8 else encoding
    with _open(path) as file, io.TextIOWrapper(file, name, errors) as text:
        yield text


def records(file: TextIO, separator: str, *, strict: bool = False) -> Records:
    """Yield the records of a table that pandas also reads as rows: blank lines are skipped.

    Args:
        file: at its beginning.
        separator: a comma or semicolon, where fields may be quoted as in RFC 4180; a space, which
            also means several blanks or tabs; or any other text.
        strict: raise a ``csv.Error`` at misplaced quotes.
    """
    if separator in QUOTING:
        parsed = _quoted(file, separator, strict=strict)
    else:
        parsed = _unquoted(file, separator)
    for line, fields in parsed:
        if len(fields) > 1 or "".join(fields).strip(" "):
            yield line, fields


def read_records(path: Path, separator: str, *, errors: str = "strict") -> Records:
    """Yield the records of a file; see :func:`records`.

    Raises:
        DataError: the file cannot be read as text, or a quote is misplaced; the message contains
            the line of the last record before.
    """
    line = 0
    try:
        with open_text(path, errors) as file:
            for line, fields in records(file, separator, strict=True):
                yield line, fields
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise DataError(f"{path}: cannot be read after line {line}: {error}") from error


def _quoted(file: TextIO, separator: str, *, strict: bool) -> Records:
    reader = csv.reader(_lines(file), delimiter=separator, strict=strict)
    line = 1
    for fields in reader:
        yield line, fields
        line = reader.line_num + 1


def _unquoted(file: TextIO, separator: str) -> Records:
    if separator == " ":
        return ((line, text.split()) for line, text in enumerate(_lines(file), 1))
    return ((line, text.rstrip("\n").split(separator)) for line, text in enumerate(_lines(file), 1))


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, none of which may fill the memory."""
    for text in iter(partial(file.readline, _LONGEST), ""):
        if len(text) == _LONGEST:
            raise csv.Error(f"a line is longer than {_LONGEST:,} characters")
        yield text


def shown(line: str) -> str:
    """Return a line for messages: quoted, and cut if it is long."""
    line = line.rstrip("\r\n")
    return repr(line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "...")


def _open(path: Path) -> BinaryIO:
    """Open a file for reading; through gzip by its name or its first bytes.

    Raises:
        DataError: the file is an archive or a table that is not text.
    """
    file = _unzipped(path)
    try:
        start = file.peek(512)
    except (OSError, EOFError, zlib.error):  # reading it reports that
        start = b""
    other = next((what for mark, what in _NOT_TEXT.items() if mark.match(start)), None)
    if other is not None:
        file.close()
        raise DataError(f"{path}: expected text, found {other}; unpack or convert it")
    return cast("BinaryIO", file)


def _unzipped(path: Path) -> gzip.GzipFile | io.BufferedReader:
    file = path.open("rb")
    if path.suffix.lower() != ".gz" and file.peek()[: len(_GZIP)] != _GZIP:
        return file
    file.close()
    return gzip.open(path)


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file in chunks that do not cut a two-byte line end."""
    n_bytes = 0
    try:
        if path.is_fifo():
            raise DataError(f"{path}: expected a file, found a pipe, which cannot be read twice")
        most = max(_EXPANDED, _MOST_EXPANSION * path.stat().st_size)
        with _open(path) as file:
            kept = b""
            while chunk := kept + file.read(_CHUNK - len(kept)):
                kept = b"\r" if chunk.endswith(b"\r") and len(chunk) == _CHUNK else b""
                yield chunk.removesuffix(kept)
                n_bytes += len(chunk) - len(kept)
                if n_bytes > most:
                    raise DataError(
                        f"{path}: the gzip stream expands to more than {_MOST_EXPANSION} times its "
                        "size, as no table does; unpack it to read it"
                    )
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
    return DataError(
        f"{path}:{line}: the line is not UTF-8 text: {_shown(path, line)}; if interactions have "
        "another encoding, write for example 'encoding: latin-1' in data_config"
    )


def _shown(path: Path, number: int) -> str:
    """Return a line for messages; bytes that are not UTF-8 become lone surrogates."""
    with open_text(path, errors="surrogateescape") as lines:
        for _ in islice(lines, number - 1):
            pass
        return shown(lines.readline(_SHOWN + 1))
