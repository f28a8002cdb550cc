"""Ids of one file that another one lacks, and those that are only written in another way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd

from mmrec.data.reading.table import UNSEEN
from mmrec.data.vocabulary import Vocabulary, sort_ids
from mmrec.errors import listing

LARGE_SHARE = 0.25
"""Share of rows with unknown ids that is worth a warning."""
TRAINING = "the training split"
ROW_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
"""An id that can be the number of a row."""
_EXAMPLES = 3
_ZEROS = re.compile(r"([+-]?\d+)\.0*")
_WHOLE = re.compile(r"[+-]?\d+")


def written_alike(unknown: Iterable[str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of an unknown id and a known one that is the same in another spelling.

    Spellings differ in white space, characters that are not shown, case, the normal form of
    Unicode, a trailing ``.0`` or leading zeros.

    Args:
        unknown: ids that are not in ``known``.
        known: ids.
    """
    by_spelling: dict[str, str] = {}
    wanted = {name: _spelling(name) for name in sort_ids(set(unknown))}
    spellings = set(wanted.values())
    for name in known:
        spelling = _spelling(name)
        if spelling in spellings:
            by_spelling.setdefault(spelling, name)
    return [
        (name, by_spelling[spelling])
        for name, spelling in wanted.items()
        if spelling in by_spelling
    ]


def _spelling(name: str) -> str:
    text = UNSEEN.sub("", unicodedata.normalize("NFKC", name).casefold())
    text = " ".join(text.split())
    zeros = _ZEROS.fullmatch(text)
    text = text if zeros is None else zeros[1]
    return str(int(text)) if _WHOLE.fullmatch(text) and len(text) < 4000 else text


def unknown_ids(
    place: Path | str, ids: pd.Series[str], known: Vocabulary, what: str, source: str
) -> str | None:
    """Return a warning about rows with unknown ids; None if there is nothing unusual.

    A warning is due if the share of the rows is large, or if an id is only spelt in another way.

    Args:
        place: the file, and the split if the file has several.
        ids: the id of each row, categorical.
        known: the ids of the other side.
        what: ``item`` or ``user``.
        source: the other side, such as ``the training split``.
    """
    is_known = known.numbers(ids.cat.categories, missing="negative") >= 0
    row_is_known = is_known[ids.cat.codes.to_numpy()]
    n_unknown = int((~row_is_known).sum())
    if not n_unknown:
        return None
    absent = sort_ids(set(ids[~row_is_known].unique()))
    alike = spelling_note(absent, known.ids)
    share = n_unknown / len(ids)
    if share < LARGE_SHARE and not alike:
        return None
    return (
        f"{place}: {n_unknown:,} of {len(ids):,} rows ({share:.0%}) have {_article(what)} that "
        f"{source} lacks: {both_sides(absent, known.ids, source)}{alike}"
    )


def both_sides(absent: Sequence[str], known: Sequence[str], source: str) -> str:
    """Return examples of unknown and of known ids."""
    return f"found {examples(absent)}; {source} has {examples(known)}"


def spelling_note(unknown: Collection[str], known: Iterable[str]) -> str:
    """Return how many unknown ids are known in another spelling; empty if none is."""
    pairs = written_alike(unknown, known)
    if not pairs:
        return ""
    shown = "; ".join(f"{one!r} and {other!r}" for one, other in pairs[:_EXAMPLES])
    return (
        f"; {len(pairs):,} of these {len(unknown):,} ids differ from known ones only in white "
        f"space, case, a trailing '.0' or leading zeros: {shown}; write ids alike in all files"
    )


def examples(ids: Sequence[str]) -> str:
    """Return three ids, quoted, and the number of the others."""
    return listing(map(repr, ids), _EXAMPLES) or "none"


def _article(what: str) -> str:
    return f"an {what}" if what == "item" else f"a {what}"
