"""The keys ``prefiltering`` and ``splitting``, for ``strategy: dataset``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from mmrec.config.describe import Accepts
from mmrec.config.fields import Count, Flag, Integer, Real, Section
from mmrec.config.paths import FilePath
from mmrec.config.strategy_keys import check_key
from mmrec.errors import nearest

_TIMES = "a date, a number, or 'best'"
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?")
_FILTERS = {
    "global_threshold": ("threshold",),
    "user_average": (),
    "user_k_core": ("core",),
    "item_k_core": ("core",),
    "iterative_k_core": ("core",),
    "n_rounds_k_core": ("core", "rounds"),
    "cold_users": ("threshold",),
}
_TAKES = {
    "fixed_timestamp": ("timestamp", "min_below", "min_over"),
    "temporal_hold_out": ("test_ratio", "leave_n_out"),
    "random_subsampling": ("test_ratio", "leave_n_out", "folds"),
    "random_cross_validation": ("folds",),
}
_NEEDS = {"fixed_timestamp": ("timestamp",), "random_cross_validation": ("folds",)}


class Prefilter(Section):
    """One step of ``prefiltering``."""

    strategy: Literal[
        "global_threshold",
        "user_average",
        "user_k_core",
        "item_k_core",
        "iterative_k_core",
        "n_rounds_k_core",
        "cold_users",
    ]
    """Name of the filter."""
    threshold: Annotated[Real | Literal["average"], Accepts("a number, or 'average'")] | None = None
    """Least rating that is kept; for cold_users, largest number of rows of a kept user."""
    core: Count | None = None
    """Least number of rows of a kept user or item."""
    rounds: Count | None = None
    """Number of times that users and items are filtered in turn."""

    @field_validator("threshold", "core", "rounds")
    @classmethod
    def _fits_strategy(cls, value: float | str | None, info: ValidationInfo) -> float | str | None:
        check_key(value, info, _FILTERS, _FILTERS)
        whole = isinstance(value, int | float) and value >= 1 and float(value).is_integer()
        if info.data.get("strategy") == "cold_users" and value is not None and not whole:
            raise ValueError(f"found {value!r}; accepted: a whole number, 1 or more")
        return value


class Split(Section):
    """How rows are held out: ``test_splitting`` or ``validation_splitting``."""

    strategy: Literal[
        "fixed_timestamp", "temporal_hold_out", "random_subsampling", "random_cross_validation"
    ]
    """Name of the strategy."""
    timestamp: Annotated[Integer | Real | str, Accepts(_TIMES)] | None = None
    """Rows of this time (a number, or a date) or later are held out; 'best' searches for it."""
    min_below: Count | None = None
    """Rows before the ``best`` timestamp that a user needs to count; 1 by default."""
    min_over: Count | None = None
    """Rows from the ``best`` timestamp on that a user needs to count; 1 by default."""
    test_ratio: Annotated[Real, Field(gt=0, lt=1)] | None = None
    """Share of each user's rows that is held out."""
    leave_n_out: Count | None = None
    """Number of each user's rows that are held out."""
    folds: Annotated[Count, Field(le=1000)] | None = None
    """Number of folds; 1 by default for ``random_subsampling``."""

    @field_validator("timestamp", "min_below", "min_over", "test_ratio", "leave_n_out", "folds")
    @classmethod
    def _fits_strategy(cls, value: float | str | None, info: ValidationInfo) -> float | str | None:
        check_key(value, info, _TAKES, _NEEDS)
        return value

    @field_validator("timestamp")
    @classmethod
    def _is_a_time(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, str) and value != "best" and not _DATE.fullmatch(value):
            raise ValueError(f"found {value!r}{nearest(value, ['best'])}; accepted: {_TIMES}")
        return value

    @field_validator("min_below", "min_over")
    @classmethod
    def _is_for_best(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("timestamp", "best") != "best":
            raise ValueError(f"found {value}, which requires 'timestamp: best'; remove it")
        return value

    @field_validator("leave_n_out")
    @classmethod
    def _is_one_of_two(cls, value: int | None, info: ValidationInfo) -> int | None:
        if "test_ratio" not in info.data:  # invalid
            return value
        ratio = info.data["test_ratio"]
        if ratio is not None and value is not None:
            raise ValueError("cannot be combined with test_ratio; accepted: one of the two")
        if ratio is None and value is None and "leave_n_out" in _taken(info):
            raise ValueError("required key is missing; accepted: test_ratio or leave_n_out")
        return value

    @field_validator("folds")
    @classmethod
    def _are_several(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value == 1 and info.data.get("strategy") == "random_cross_validation":
            raise ValueError("found 1; accepted: a whole number, 2 or more")
        return value

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return self.folds or 1


def _taken(info: ValidationInfo) -> tuple[str, ...]:
    return _TAKES.get(info.data.get("strategy", ""), ())


class Splitting(Section):
    """How rows are split into training, validation and test, and where folds are saved."""

    save_on_disk: Flag = False
    """Write the folds to ``save_folder``."""
    save_folder: FilePath | None = None
    """Folder of the folds; ``strategy: hierarchy`` reads it."""
    test_splitting: Split
    """How the test rows are held out."""
    validation_splitting: Split | None = None
    """How validation rows are held out of the remaining rows; none by default."""

    @field_validator("save_folder")
    @classmethod
    def _is_there_to_save(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and info.data.get("save_on_disk"):
            raise PydanticKnownError("missing")
        return value
