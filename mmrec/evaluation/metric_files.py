"""Files that metrics read: groups of users or items, and features of items."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, InstanceOf, ValidationInfo, WithJsonSchema

from mmrec.config import Accepts, FileContext, locate, path_problem
from mmrec.data import IntArray, Vocabulary
from mmrec.data.mismatches import spelling_note
from mmrec.data.reading.text import check_text, read_records, shown
from mmrec.errors import DataError, listing
from mmrec.files import sha256_of_file

Kind = Literal["user", "item"]


@dataclass(frozen=True, eq=False)
class MetricFile:
    """A file that a metric has read."""

    path: Path
    sha256: str
    """Of its content."""
    of: Kind
    """What its ids are."""
    values: Mapping[str, tuple[int, ...]]
    """The numbers of each id."""

    def numbers(self, ids: Vocabulary) -> IntArray:
        """Return [n] int64: the number in ``ids`` of each id of the file, -1 if unknown.

        Raises:
            DataError: no id is known.
        """
        found = ids.numbers(self.values, missing="negative")
        if (found < 0).all():
            raise DataError(
                f"{self.path}: none of its ids is {'a user' if self.of == 'user' else 'an item'} "
                f"of the data; the file has {listing(self.values, 3)}, the data "
                f"{listing(ids.ids, 3)}{spelling_note(self.values, ids.ids)}"
            )
        return found


@dataclass(frozen=True, eq=False)
class GroupFile(MetricFile):
    """A file with the group of each user or item."""

    @property
    def labels(self) -> IntArray:
        """[n] int64: the group of each id, known to the data or not."""
        return np.array([label for (label,) in self.values.values()], np.int64)

    @property
    def sizes(self) -> IntArray:
        """[G] int64: the number of ids of each group, known to the data or not."""
        return np.bincount(self.labels)

    def groups_of(self, ids: Vocabulary) -> IntArray:
        """Return [len(ids)] int64: the group of each user or item, -1 without one.

        Raises:
            DataError: no id of the file is known.
        """
        groups = np.full(len(ids), -1, np.int64)
        numbers = self.numbers(ids)
        groups[numbers[numbers >= 0]] = self.labels[numbers >= 0]
        return groups


@dataclass(frozen=True, eq=False)
class FeatureFile(MetricFile):
    """A file with one or more features of each item."""


def read_groups(path: Path, of: Kind) -> GroupFile:
    """Read lines of an id and a group, separated by a tab, without a header.

    Args:
        path: of the file.
        of: what its ids are.

    Raises:
        DataError: the file cannot be read, a line has another form, an id is a duplicate, or the
            groups are not 0, 1, 2, ...; the message contains the file and the line.
    """
    lines: dict[int, int] = {}
    values: dict[str, tuple[int, ...]] = {}
    for line, name, numbers in _rows(path, "a group"):
        if len(numbers) != 1 or numbers[0] < 0:
            raise DataError(
                f"{path}:{line}: expected one group, a whole number from 0 up, found "
                f"{listing(numbers)}"
            )
        lines.setdefault(numbers[0], line)
        values[name] = numbers
    absent = sorted(set(range(len(lines))) - set(lines))
    if absent:
        most = max(lines)
        raise DataError(
            f"{path}:{lines[most]}: found the group {most}, but no group {absent[0]}; expected the "
            f"{len(lines)} groups to be 0 to {len(lines) - 1}"
        )
    return GroupFile(path, sha256_of_file(path), of, values)


def read_features(path: Path) -> FeatureFile:
    """Read lines of an item and one feature or more, separated by tabs, without a header.

    Raises:
        DataError: the file cannot be read, a line has another form, or an item is a duplicate; the
            message contains the file and the line.
    """
    values = {name: numbers for _, name, numbers in _rows(path, "a feature")}
    return FeatureFile(path, sha256_of_file(path), "item", values)


def _rows(path: Path, what: str) -> Iterator[tuple[int, str, tuple[int, ...]]]:
    """Yield line, id and numbers of every line that is not blank."""
    check_text(path)
    first_lines: dict[str, int] = {}
    for line, (name, *texts) in read_records(path, "\t"):
        texts = [text.strip() for text in texts]
        if not texts or not name.strip() or not all(map(_is_whole, texts)):
            text = shown("\t".join([name, *texts]))
            raise DataError(
                f"{path}:{line}: expected an id, a tab and {what}, a whole number, without a "
                f"header; found {text}"
            )
        first = first_lines.setdefault(name, line)
        if first != line:
            raise DataError(f"{path}:{line}: the id {name!r} is also on line {first}")
        yield line, name, tuple(map(int, texts))
    if not first_lines:
        raise DataError(f"{path}: the file is empty; expected lines of an id, a tab and {what}")


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,18}", text) is not None


def _reader(read: Callable[[Path], MetricFile]) -> BeforeValidator:
    def located(value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str | Path):
            raise ValueError(f"found {value!r}; accepted: the path of a file")
        path = locate(str(value), FileContext.of(info))
        problem = path_problem(path, wants_file=True)
        if problem is not None:
            raise ValueError(problem)
        return read(path)

    return BeforeValidator(located)


_PATH: Any = WithJsonSchema({"type": "string"})

UserGroups = Annotated[
    InstanceOf[GroupFile],
    _reader(partial(read_groups, of="user")),
    _PATH,
    Accepts("the path of a file with a user, a tab and a group in each line"),
]
"""A key whose value is the path of a file of groups of users."""

ItemGroups = Annotated[
    InstanceOf[GroupFile],
    _reader(partial(read_groups, of="item")),
    _PATH,
    Accepts("the path of a file with an item, a tab and a group in each line"),
]
"""A key whose value is the path of a file of groups of items."""

ItemFeatures = Annotated[
    InstanceOf[FeatureFile],
    _reader(read_features),
    _PATH,
    Accepts("the path of a file with an item and its features, separated by tabs, in each line"),
]
"""A key whose value is the path of a file of features of items."""


def _checked_name(name: str) -> str:
    if "@" in name or not name.isprintable():
        raise ValueError(f"found {name!r}; accepted: a name without '@', tabs and line ends")
    return name


GroupName = Annotated[str, AfterValidator(_checked_name)]
"""A name of groups, part of the names of the columns."""
