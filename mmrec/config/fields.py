"""Types of configuration fields.

Unlike pydantic's, they do not read ``true`` as the number 1 or ``1`` as true. They accept quoted
numbers and booleans, by the rules of YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mmrec.config.describe import Accepts
from mmrec.config.yaml_scalars import parse_scalar
from mmrec.errors import listing

_T = TypeVar("_T")

_LARGEST = 2**63 - 1
"""Whole numbers of torch and numpy have 64 bits."""
LARGEST_COUNT = 2**31 - 1


class Section(BaseModel):
    """Base of every section of the file: frozen, unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )
    unsupported: ClassVar[Mapping[str, str]] = {}
    """Keys of Elliot that are refused, each with the reason."""


def _unquoted(value: object) -> object:
    """Type a quoted scalar; the strict type checks the result."""
    return parse_scalar(value.strip()) if isinstance(value, str) and value.strip() else value


def _number(value: object) -> object:
    typed = _unquoted(value)
    return typed if isinstance(typed, int | float) else value


def _whole(value: object) -> object:
    typed = _unquoted(value)
    if isinstance(typed, float) and typed.is_integer():
        return int(typed)
    return typed if isinstance(typed, int) else value


def _at_most(largest: int) -> AfterValidator:
    def check(value: int) -> int:
        if abs(value) > largest:
            raise ValueError(f"found {value}; accepted: a whole number up to {largest}")
        return value

    return AfterValidator(check)


def _boolean(value: object) -> object:
    typed = _unquoted(value)
    return typed if isinstance(typed, bool) else value


Integer = Annotated[int, Field(strict=True), BeforeValidator(_whole), _at_most(_LARGEST)]
"""A whole number of 64 bits: 3, 3.0 and "3", but not 3.7, true or "three"."""

Natural = Annotated[int, Field(strict=True, ge=0), BeforeValidator(_whole)]
"""A whole number from 0 up."""

Count = Annotated[int, Field(strict=True, ge=1), BeforeValidator(_whole), _at_most(LARGEST_COUNT)]
"""A whole number from 1 to 2,147,483,647."""

Real = Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(_number)]
"""A finite number: 0.1, 1e-5, 3 and "1e-5", but not true or .nan."""

NonNegativeReal = Annotated[
    float, Field(strict=True, allow_inf_nan=False, ge=0), BeforeValidator(_number)
]
"""A finite number from 0 up."""

PositiveReal = Annotated[
    float, Field(strict=True, allow_inf_nan=False, gt=0), BeforeValidator(_number)
]
"""A finite number above 0."""

Flag = Annotated[bool, Field(strict=True), BeforeValidator(_boolean)]
"""True or false, quoted or not, but not 0, 1, yes or no."""


NoEffect = Annotated[Any, Field(deprecated=True, exclude=True), Accepts("any value")]
"""What published Elliot files set and mmrec does not need."""


def as_list(value: object) -> object:
    """Wrap a single entry that was written without brackets."""
    return [value] if isinstance(value, str | int | float | Mapping) else value


def check_distinct(values: Iterable[Any]) -> None:
    """Refuse duplicates.

    Raises:
        ValueError: a value occurs more than once.
    """
    listed = list(values)
    duplicates = [value for value in dict.fromkeys(listed) if listed.count(value) > 1]
    if duplicates:
        raise ValueError(f"found duplicates of {listing(duplicates)}; accepted: each value once")


def _distinct(values: tuple[_T, ...]) -> tuple[_T, ...]:
    check_distinct(values)
    return values


DISTINCT = AfterValidator(_distinct)
"""Metadata of a list without duplicates, such as ``Annotated[tuple[Count, ...], DISTINCT]``."""


class MetricLabel(NamedTuple):
    """A metric with an optional cutoff, written ``Recall@20``."""

    name: str
    cutoff: int | None

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"


def parse_metric_label(text: str) -> MetricLabel:
    """Split ``Recall@20`` into name and cutoff; without ``@`` the cutoff is None.

    >>> parse_metric_label("Recall@20")
    MetricLabel(name='Recall', cutoff=20)

    Raises:
        ValueError: the text is not a name, or the cutoff is not a whole number from 1 up.
    """
    match = re.fullmatch(r"([^@\s]+)(?:@0*([1-9][0-9]{0,9}))?", text.strip())
    if match is None:
        raise ValueError(f"found {text!r}; accepted: a metric and a cutoff, such as Recall@20")
    return MetricLabel(match[1], int(match[2]) if match[2] else None)


def _checked_label(text: str) -> str:
    return str(parse_metric_label(text))


Label = Annotated[
    str,
    AfterValidator(_checked_label),
    Accepts("a metric and a cutoff, such as Recall@20"),
]
"""The text of a metric label; read it with `parse_metric_label`."""
