"""Reading interactions, in whatever form they come.

======================  ==========================================================================
``.csv``                user, item[, rating[, timestamp]] with commas between, quoted as in RFC 4180
``.inter``              a table of RecBole or MMRec: tabs, and a first line that names the columns
``.json``               LATTICE's ``{user: [item, ...], ...}``
``.tsv``, ``.txt``, …   user, item[, rating[, timestamp]] with tabs between
======================  ==========================================================================

Each of them may be gzipped. A table without a header has the columns in that order; with one, their
names say what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mmrec.data.reading.columns import IDS, LABEL, names_columns, role_of
from mmrec.data.reading.delimited import line_of_row, read_delimited
from mmrec.data.reading.table import Table, make_table
from mmrec.data.reading.text import kind_of, open_text
from mmrec.data.reading.user_lists import read_user_lists
from mmrec.errors import DataError

LABELS: Mapping[str, str] = MappingProxyType({"0": "train", "1": "validation", "2": "test"})
"""The split that a value of MMRec's column ``x_label`` stands for."""

__all__ = [
    "IDS",
    "LABELS",
    "Table",
    "kind_of",
    "line_of_row",
    "names_columns",
    "open_text",
    "read_labelled",
    "read_split",
    "role_of",
]


def read_split(path: Path, *, header: bool | None = False, timestamps: bool = False) -> Table:
    """Read the interactions of one file.

    Args:
        path: the file; its name says what form it has.
        header: the first line of a table names its columns; that of an ``.inter`` always does.
            None: it does if a user and an item are among its names.
        timestamps: keep the times, as text; otherwise they are read over.

    Raises:
        DataError: the file is missing, damaged, empty, not text, or a line does not have the form
            of the first one; the message names file and line and shows the line.
    """
    if kind_of(path) == ".json":
        return make_table(path, read_user_lists(path), has_ratings=False)
    rows = read_delimited(path, header=header, timestamps=timestamps)
    if LABEL in rows.frame:
        raise DataError(
            f"{path}: the column 'x_label' says which split each row belongs to; write "
            "'strategy: fixed' and this file as 'dataset_path', without train_path, "
            "validation_path and test_path; or take the column away"
        )
    return make_table(path, rows.frame, has_ratings=rows.has_ratings)


def read_labelled(path: Path, *, header: bool | None = False) -> dict[str, Table]:
    """Read the splits of one file, told apart by MMRec's column ``x_label``.

    Args:
        path: a table.
        header: as for :func:`read_split`.

    Returns:
        ``train``, ``test``, and ``validation`` if a row has its label.

    Raises:
        DataError: as from :func:`read_split`, or the file has no such column, or no row of the
            training or the test split.
    """
    rows = None if kind_of(path) == ".json" else read_delimited(path, header=header)
    if rows is None or LABEL not in rows.frame:
        raise DataError(
            f"{path}: expected a column 'x_label', which says by 0, 1 or 2 whether a row is for "
            "training, validation or test; of splits that are files of their own, write "
            "train_path, validation_path and test_path"
        )
    tables = {}
    for label, split in LABELS.items():
        frame = rows.frame[rows.frame[LABEL] == label].drop(columns=LABEL)
        if len(frame):
            tables[split] = make_table(path, frame, has_ratings=rows.has_ratings)
        elif split != "validation":
            raise DataError(f"{path}: no row has the x_label {label}, which means {split}")
    return tables
