"""External ids and internal numbers of users or items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmrec.errors import DataError, listing

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Python does not parse longer integers.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,3999}")


class Vocabulary:
    """A one-to-one map between external ids and the numbers 0..n-1.

    Ids are text, as in the files (``"007"`` and ``"7"`` differ). Numbers follow the ids in
    ascending order: numerically if all ids are whole numbers, else as text. The order depends
    on the set of ids only, never on the order of rows or files.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._index = pd.Index(sort_ids(set(ids)), dtype=object)

    @cached_property
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
            ids: external ids, possibly with duplicates.
            missing: unknown ids raise an error, or become -1.

        Raises:
            DataError: an id is unknown and ``missing`` is ``"error"``.
        """
        asked = pd.Index(list(ids), dtype=object)
        numbers = self._index.get_indexer(asked).astype(np.int64)
        if missing == "error" and (numbers < 0).any():
            unknown = listing(dict.fromkeys(asked[numbers < 0]))
            raise DataError(f"unknown ids: {unknown}")
        return numbers

    def extended(self, ids: Iterable[str]) -> Vocabulary:
        """Return a vocabulary with further ids, whose numbers follow those of this one."""
        other = Vocabulary(())
        others = sort_ids({name for name in ids if name not in self._index})
        other._index = self._index.append(pd.Index(others, dtype=object))
        return other

    def id_of(self, number: int) -> str:
        """Return the id of one internal number."""
        return str(self._index[number])


def sort_ids(ids: Iterable[str]) -> list[str]:
    """Sort distinct ids: numerically if all are whole numbers, else as text."""
    ids = list(ids)
    if all(_WHOLE_NUMBER.fullmatch(i) for i in ids):
        return sorted(ids, key=int)
    return sorted(ids)
