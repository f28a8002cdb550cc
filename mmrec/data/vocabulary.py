"""External ids and internal numbers of users or items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmrec.errors import DataError, listing

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Python refuses to read longer integers from text.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,3999}")


class Vocabulary:
    """A one-to-one map between the ids of the files and the numbers 0..n-1.

    Ids are kept as the text that stands in the files (``"007"`` and ``"7"`` differ). Numbers
    follow the ids in ascending order: numerically when every id is a whole number, else as text.
    The order thus depends on the set of ids alone, never on the order of rows or files.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._index = pd.Index(sort_ids(set(ids)), dtype=object)

    @property
    def ids(self) -> Sequence[str]:
        """The ids, in the order of their numbers."""
        return list(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._index

    def __repr__(self) -> str:
        return f"<Vocabulary of {len(self)} ids: {listing(self._index[:4], limit=4)}...>"

    def numbers(
        self, ids: Iterable[str], missing: Literal["error", "negative"] = "error"
    ) -> IntArray:
        """Return the numbers of ``ids``, int64 of the same length.

        Args:
            ids: external ids, repeated or not.
            missing: what an unknown id becomes: an error, or -1.

        Raises:
            DataError: an id is unknown and ``missing`` is ``"error"``.
        """
        asked = pd.Index(list(ids), dtype=object)
        numbers = self._index.get_indexer(asked).astype(np.int64)
        if missing == "error" and (numbers < 0).any():
            unknown = listing(dict.fromkeys(asked[numbers < 0]))
            raise DataError(f"unknown ids: {unknown}")
        return numbers

    def id_of(self, number: int) -> str:
        """Return the id of one internal number."""
        return str(self._index[number])


def sort_ids(ids: Iterable[str]) -> list[str]:
    """Sort distinct ids ascending: as numbers if all of them are whole numbers, else as text."""
    ids = list(ids)
    if all(_WHOLE_NUMBER.fullmatch(i) for i in ids):
        return sorted(ids, key=int)
    return sorted(ids)
