"""The three files of an Amazon 2014 category: reviews, metadata and image features."""

from __future__ import annotations

import hashlib
import json
import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmrec.data.vocabulary import FloatArray, IntArray
from mmrec.errors import DataError
from mmrec.features.source import rows_not_finite
from mmrec.features.store import write_matrix_header
from mmrec.files import path_errors
from preparing.records import BrokenLines, read_records

WIDTH = 4096
"""Numbers of an image."""
_IMAGE = np.dtype([("asin", "S10"), ("vector", "<f4", WIDTH)])
_IMAGES_AT_ONCE = 256
_ASIN = re.compile(rb"[0-9A-Za-z]{10}")


@dataclass(frozen=True, eq=False)
class Reviews:
    """Reviews by distinct pairs of user and item; the last review of a pair counts."""

    users: Sequence[str]
    """Reviewer ids, in the order of their first review."""
    items: Sequence[str]
    """ASINs, in the order of their first review."""
    user: IntArray
    """[N] indices in ``users``, in the order of the file."""
    item: IntArray
    """[N] indices in ``items``, in the same order."""
    rating: FloatArray
    """[N]."""
    time: IntArray
    """[N] seconds since 1970."""
    n_repeated: int
    """Number of dropped earlier reviews of the same pair."""


def read_reviews(path: Path, broken: BrokenLines) -> Reviews:
    """Read ``reviews_X_5.json.gz``, keeping four fields of each review.

    Raises:
        DataError: the file is missing or damaged, or contains no review.
    """
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    user, item, rating, time = array("q"), array("q"), array("d"), array("q")
    for reviewer, asin, overall, seconds in read_records(path, _review, broken):
        user.append(users.setdefault(reviewer, len(users)))
        item.append(items.setdefault(asin, len(items)))
        rating.append(overall)
        time.append(seconds)
    if not user:
        raise DataError(f"{path}: expected a review on each line, found none")
    frame = pd.DataFrame(
        {
            "user": np.frombuffer(user, np.int64),
            "item": np.frombuffer(item, np.int64),
            "rating": np.frombuffer(rating, np.float64),
            "time": np.frombuffer(time, np.int64),
        }
    )
    kept = frame[~frame.duplicated(["user", "item"], keep="last")]
    return Reviews(
        users=list(users),
        items=list(items),
        user=kept["user"].to_numpy(),
        item=kept["item"].to_numpy(),
        rating=kept["rating"].to_numpy(),
        time=kept["time"].to_numpy(),
        n_repeated=len(frame) - len(kept),
    )


def _review(record: Mapping[str, Any]) -> tuple[str, str, float, int]:
    rating, time = record.get("overall"), record.get("unixReviewTime")
    if not isinstance(rating, int | float) or not math.isfinite(rating):
        raise ValueError(f"expected a number as 'overall', found {rating!r:.40}")
    if not isinstance(time, int) or abs(time) >= 2**63:
        raise ValueError(f"expected a whole number as 'unixReviewTime', found {time!r:.40}")
    return _id(record, "reviewerID"), _id(record, "asin"), float(rating), time


def _id(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value or len(value.split()) != 1 or value != value.strip():
        raise ValueError(f"expected an id as {key!r}, found {value!r:.40}")
    return value


class ItemTexts:
    """Titles and texts of items, in a temporary file instead of memory.

    Args:
        metadata: the file ``meta_X.json.gz``.
        asins: requested items; the last line of an item counts.
        spool: path of the temporary file.
        broken: collects invalid lines.

    Raises:
        DataError: the file is missing or damaged, or contains none of the items.
    """

    def __init__(
        self, metadata: Path, asins: Sequence[str], spool: Path, broken: BrokenLines
    ) -> None:
        wanted = frozenset(asins)
        self._spool = spool
        self._starts: dict[str, int] = {}
        with spool.open("wb") as file:
            for asin, title, text in read_records(metadata, _product, broken):
                if asin in wanted:
                    self._starts[asin] = file.tell()
                    file.write(json.dumps([title, text]).encode() + b"\n")
        if not self._starts:
            raise DataError(
                f"{metadata}: contains none of the {len(wanted)} reviewed items; is it of another "
                "category?"
            )

    def read(self, asins: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield title and text of each item, empty without metadata."""
        with self._spool.open("rb") as file:
            for asin in asins:
                if asin not in self._starts:
                    yield "", ""
                    continue
                file.seek(self._starts[asin])
                title, text = json.loads(file.readline())
                yield title, text


def _product(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return ASIN, title and text: title, categories, brand and description, in one line."""
    title = _in_one_line(record.get("title"))
    fields = (title, record.get("categories"), record.get("brand"), record.get("description"))
    return _id(record, "asin"), title, _in_one_line(fields)


def _in_one_line(value: object) -> str:
    """Join texts of nested lists; other values are ignored."""
    if isinstance(value, str):
        # Lone surrogates of truncated texts cannot be written.
        return " ".join(value.encode("utf-8", "replace").decode().split())
    if isinstance(value, list | tuple):
        return " ".join(filter(None, map(_in_one_line, value)))
    return ""


@dataclass(frozen=True, eq=False)
class Images:
    """The image features of items, as a matrix on disk."""

    path: Path
    """A ``.npy`` file, [P, 4096] float32."""
    asins: Sequence[str]
    """Items of the rows, in the order of their first record."""
    sha256: str
    """SHA-256 of the source."""
    n_records: int
    """Number of records of the source."""
    not_finite: Sequence[str]
    """Items whose vector contains NaN or infinity; they count as missing."""


def read_images(source: Path, asins: Sequence[str], target: Path) -> Images:
    """Copy the vectors of ``asins`` from ``image_features_X.b`` in one pass.

    A record is an ASIN of 10 bytes and 4096 float32, little-endian. The last record of an item
    counts.

    Raises:
        DataError: the source is missing, truncated or another file, or contains none of the items.
    """
    wanted = frozenset(asins)
    rows: dict[str, int] = {}
    bad: dict[str, None] = {}
    digest, n_records = hashlib.sha256(), 0
    matrix = np.lib.format.open_memmap(target, "w+", np.float32, (len(asins), WIDTH))
    for block in _blocks(source, n_bytes=_IMAGES_AT_ONCE * _IMAGE.itemsize):
        digest.update(block)
        records = np.frombuffer(block, _IMAGE)
        for place, raw in enumerate(records["asin"].tolist()):
            if not _ASIN.fullmatch(raw):
                raise DataError(
                    f"{source}: record {n_records + place}: expected an ASIN, found {raw!r}; "
                    f"the file is damaged, or its vectors do not have {WIDTH} numbers"
                )
            asin = raw.decode()
            if asin in wanted:
                vector = records["vector"][place]
                if len(rows_not_finite(vector[None])):
                    bad[asin] = None
                else:
                    matrix[rows.setdefault(asin, len(rows))] = vector
        n_records += len(records)
    if not rows:
        raise DataError(
            f"{source}: contains no vector of the {len(wanted)} reviewed items; is it of another "
            "category?"
        )
    matrix.flush()
    del matrix
    _cut(target, len(rows))
    not_finite = [asin for asin in bad if asin not in rows]
    return Images(target, list(rows), digest.hexdigest(), n_records, not_finite)


def _blocks(source: Path, n_bytes: int) -> Iterator[bytes]:
    """Yield whole records."""
    start = 0
    with path_errors(source), source.open("rb") as file:
        while block := file.read(n_bytes):
            if len(block) % _IMAGE.itemsize:
                record = (start + len(block)) // _IMAGE.itemsize
                raise DataError(
                    f"{source}: truncated in record {record} (at byte {start + len(block)}); "
                    "download it again"
                )
            start += len(block)
            yield block


def _cut(path: Path, n_rows: int) -> None:
    """Truncate a matrix to its first rows; the length of the header does not change."""
    with path.open("r+b") as file:
        write_matrix_header(file, n_rows, WIDTH)
        file.truncate(file.tell() + 4 * n_rows * WIDTH)
