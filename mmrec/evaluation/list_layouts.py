"""The forms of recommendation lists, recognised by the first line of a file."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrec.data.reading.columns import IDS, names_columns, plain, role_of
from mmrec.errors import DataError, listing

logger = logging.getLogger(__name__)

_SCORES = (
    *("score", "prediction", "rating", "predictedrating", "predictedscore", "pred", "relevance"),
    *("similarity", "probability", "prob", "confidence", "logit", "estimate", "est"),
)
"""Names of scores, larger is better, by descending priority; without case and underscores."""
_RANKS = ("rank", "position", "pos", "place", "rankposition", "itemrank", "ranking")
_LISTS = ("items", "itemlist", "itemids", "itemidlist", "recommendations", "recs", "topk")
_USERS = ("", "id", "users", "unnamed:0", "index")
"""Names of the first column of a wide table, in addition to the usual names of users."""
_NESTED = re.compile(r"[(\[].*[(\[]|[{}]")
"""A list of pairs or a mapping, whose scores would be read as items."""
_PLACES = re.compile(r"(\D*)(\d+)\D*")
_TREC = "q0"
NAME_COLUMN = (
    "name it 'score' (larger is better) or 'rank' (1 is the best), or leave it out if the lines "
    "are in the order of the lists"
)

FILE_ORDER = "as in the file"

Cells = Sequence[str]
Entry = tuple[str, str, float | None, float | None]
"""User, item, and score and rank if the file has them."""


@dataclass(frozen=True)
class ListLayout:
    """How the lines of a file are read."""

    columns: str
    """The columns, for messages."""
    n_columns: int
    has_header: bool
    entries: Callable[[Cells, str], Iterator[Entry]]
    """Yields the recommendations of a line, given its fields and the start of messages."""
    has_score: bool = False
    is_trec: bool = False
    order: str = FILE_ORDER
    """How the lists are ordered, for readers."""


def find_layout(path: Path, line: int, fields: Cells) -> ListLayout:
    """Return the layout of a file from its first line.

    Raises:
        DataError: the form is unknown, or a header does not say what the columns are.
    """
    if is_trec(fields):
        columns = "query, Q0, document, rank, score, run"
        order = "by the scores of the TREC run, the largest first"
        return ListLayout(columns, 6, False, _trec, True, is_trec=True, order=order)
    if names_columns(fields) and all(number(field) is None for field in fields):
        return _long(path, line, fields)
    wide = _wide(fields) or _of_list_cells(fields)
    if wide is not None:
        return wide
    if len(fields) not in (2, 3) or (len(fields) == 2 and any(map(_is_name, fields))):
        raise DataError(
            f"{path}:{line}: expected 2 or 3 columns (user, item, score), a header that names user "
            f"and item, or a header of user and the places 1, 2, ... of the items; found "
            f"{len(fields)} columns: {listing(map(repr, fields), 8)}"
        )
    if len(fields) == 2:
        return ListLayout("user, item", 2, False, _pairs(0, 1))
    if number(fields[2]) is None:
        raise DataError(
            f"{path}:{line}: expected a number as the score, found {fields[2]!r}; a header must "
            "name user, item and score"
        )
    order = "by the third column, the largest first"
    return ListLayout("user, item, score", 3, False, _triples(0, 1, score=2), True, order=order)


def is_trec(fields: Cells) -> bool:
    """Return whether a line is one of a TREC run: query, Q0, document, rank, score, run."""
    return (
        len(fields) == 6
        and fields[1].casefold() == _TREC
        and number(fields[3]) is not None
        and number(fields[4]) is not None
    )


def number(text: str) -> float | None:
    """Return a number, possibly infinite; None for other text and NaN."""
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _is_name(field: str) -> bool:
    return role_of(field) in IDS


def _long(path: Path, line: int, fields: Cells) -> ListLayout:
    """Return the layout of a table with a user, an item, and a score or a rank in each line."""
    roles = [role_of(field) for field in fields]
    names = [plain(field.partition(":")[0]) for field in fields]
    if any(roles.count(role) > 1 for role in IDS):
        raise DataError(
            f"{path}:{line}: expected a header with one user and one item, found "
            f"{listing(map(repr, fields), 20)}"
        )
    user, item = (roles.index(role) for role in IDS)
    scores = [names.index(name) for name in _SCORES if name in names]
    if len(scores) > 1:
        logger.warning(
            "%s:%d: several columns can be the score: %s; lists are ordered by %r",
            *(path, line, listing(repr(fields[place]) for place in sorted(scores))),
            fields[scores[0]],
        )
    ranks = [names.index(name) for name in _RANKS if name in names]
    others = [repr(fields[place]) for place in range(len(fields)) if roles[place] not in IDS]
    if not scores and not ranks and others:
        raise DataError(
            f"{path}:{line}: the header names no score and no rank; found "
            f"{listing(map(repr, fields), 20)}; if {listing(others, 5)} is one of them, "
            f"{NAME_COLUMN}"
        )
    score, rank = (places[0] if places else None for places in (scores, ranks))
    entries, order = _triples(user, item, score=score, rank=rank), FILE_ORDER
    if score is not None:
        order = f"by {fields[score]!r}, the largest first"
    elif rank is not None:
        order = f"by {fields[rank]!r}, the smallest first"
    has_score = score is not None
    return ListLayout("as in the first line", len(fields), True, entries, has_score, order=order)


def _wide(fields: Cells) -> ListLayout | None:
    """Return the layout of a table with a user and the items of the list in each line.

    RecBole's and MMRec's tables of the best items have this form: ``id``, ``top_0``, ``top_1``, ...
    """
    user = _user_column(fields)
    if user is None:
        return None
    columns = range(user + 1, len(fields))
    found = [_PLACES.fullmatch(fields[column].partition(":")[0].strip()) for column in columns]
    matches = [match for match in found if match is not None]
    if not matches or len(matches) < len(found):
        return None
    order = sorted(range(len(matches)), key=lambda place: int(matches[place][2]))
    numbers = [int(matches[place][2]) for place in order]
    first = numbers[0]
    is_series = first in (0, 1) and numbers == list(range(first, first + len(numbers)))
    if not is_series or len({match[1] for match in matches}) > 1:
        return None
    items = [columns[place] for place in order]

    def entries(cells: Cells, place: str) -> Iterator[Entry]:
        listed = [cells[column] for column in items]
        while listed and not listed[-1].strip():  # the end of a shorter list
            listed.pop()
        for item in listed:
            yield _checked(cells[user], item, place), item, None, None

    return ListLayout("as in the first line", len(fields), True, entries)


def _user_column(fields: Cells) -> int | None:
    """Return the first column that is called like a user, after a column of row numbers."""
    names = [plain(field.partition(":")[0]) for field in fields]
    for column in range(min(2, len(fields))):
        if role_of(fields[column]) == "user_id":
            return column
    return 0 if names and names[0] in _USERS else None


def _of_list_cells(fields: Cells) -> ListLayout | None:
    """Return the layout of a table whose second column has whole lists, such as ``3 1 7``."""
    user = _user_column(fields)
    if user is None or len(fields) != user + 2:
        return None
    name, _, kind = fields[user + 1].partition(":")
    if plain(name) not in _LISTS and kind != "token_seq":
        return None

    def entries(cells: Cells, place: str) -> Iterator[Entry]:
        if _NESTED.search(cells[user + 1]):
            raise DataError(
                f"{place}: expected a list of items, found {cells[user + 1]!r:.80}; write only the "
                "items"
            )
        for item in re.sub(r"""[\[\](),;'"]""", " ", cells[user + 1]).split():
            yield _checked(cells[user], item, place), item, None, None

    return ListLayout("as in the first line", len(fields), True, entries)


def _pairs(user: int, item: int) -> Callable[[Cells, str], Iterator[Entry]]:
    def entries(cells: Cells, place: str) -> Iterator[Entry]:
        yield _checked(cells[user], cells[item], place), cells[item], None, None

    return entries


def _triples(
    user: int, item: int, *, score: int | None = None, rank: int | None = None
) -> Callable[[Cells, str], Iterator[Entry]]:
    def entries(cells: Cells, place: str) -> Iterator[Entry]:
        name = _checked(cells[user], cells[item], place)
        scored = None if score is None else _number(cells[score], "score", place)
        ranked = None if rank is None else _number(cells[rank], "rank", place)
        yield name, cells[item], scored, ranked

    return entries


def _trec(cells: Cells, place: str) -> Iterator[Entry]:
    user, _, item, rank, score, _ = cells
    name = _checked(user, item, place)
    yield name, item, _number(score, "score", place), _number(rank, "rank", place)


def _checked(user: str, item: str, place: str) -> str:
    if not user.strip() or not item.strip():
        raise DataError(f"{place}: the user or the item is empty: {f'{user}, {item}'!r:.80}")
    return user


def _number(text: str, what: str, place: str) -> float:
    value = number(text)
    if value is None:
        raise DataError(f"{place}: expected a number as the {what}, found {text!r}")
    return value
