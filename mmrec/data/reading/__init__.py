"""Reading interactions from files of several forms.

======================  ==========================================================================
``.csv``                user, item[, rating[, timestamp]], comma-separated, quoted as in RFC 4180
``.inter``              a table of RecBole or MMRec: tab-separated, with a header
``.json``               LATTICE's ``{user: [item, ...], ...}``
``.tsv``, ``.txt``, …   user, item[, rating[, timestamp]], tab-separated
======================  ==========================================================================

Files may be gzipped. The columns of a table without a header have this order; with a header, they
are identified by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mmrec.data.reading.columns import IDS, LABEL, names_columns, role_of
from mmrec.data.reading.delimited import line_of_row, read_delimited
from mmrec.data.reading.form import DEFAULT, TableForm
from mmrec.data.reading.table import Table, make_table
from mmrec.data.reading.text import kind_of, open_text
from mmrec.data.reading.user_lists import read_user_lists
from mmrec.errors import DataError

LABELS: Mapping[str, str] = MappingProxyType({"0": "train", "1": "validation", "2": "test"})
"""The split of each value of MMRec's column ``x_label``."""

__all__ = [
    "IDS",
    "LABELS",
    "Table",
    "TableForm",
    "kind_of",
    "line_of_row",
    "names_columns",
    "open_text",
    "read_labelled",
    "read_split",
    "role_of",
]


def read_split(
    path: Path,
    *,
    header: bool | None = False,
    timestamps: bool = False,
    form: TableForm = DEFAULT,
) -> Table:
    """Read the interactions of one file.

    Args:
        path: the file; its name determines its form.
        header: the first line of a table is a header; always so in ``.inter`` files. None: it is a
            header if it names a user and an item.
        timestamps: keep the timestamps, as text.
        form: names of columns, separator, encoding, and what counts of duplicate rows.

    Raises:
        DataError: the file is missing, damaged, empty, not text, or a line differs in form from the
            first one; the message contains the file and the line.
    """
    if kind_of(path) == ".json":
        _refuse_columns(path, form)
        return make_table(path, read_user_lists(path), has_ratings=False, form=form)
    needs_times = timestamps or form.duplicates == "latest"
    rows = read_delimited(path, header=header, timestamps=needs_times, form=form)
    if LABEL in rows.frame:
        raise DataError(
            f"{path}: the column 'x_label' assigns rows to splits; use 'strategy: fixed' with this "
            "file as 'dataset_path', without train_path, validation_path and test_path; or remove "
            "the column"
        )
    table = make_table(path, rows.frame, has_ratings=rows.has_ratings, form=form, header=header)
    return table if timestamps else table.without_times()


def read_labelled(
    path: Path, *, header: bool | None = False, form: TableForm = DEFAULT
) -> dict[str, Table]:
    """Read the splits of one file by MMRec's column ``x_label``.

    Args:
        path: a table.
        header: as for :func:`read_split`.
        form: as for :func:`read_split`.

    Returns:
        ``train``, ``test``, and ``validation`` if a row has its label.

    Raises:
        DataError: as :func:`read_split`; or the column is missing, or no row is of the training or
            the test split.
    """
    rows = None
    if kind_of(path) != ".json":
        times = form.duplicates == "latest"
        rows = read_delimited(path, header=header, timestamps=times, form=form)
    if rows is None or LABEL not in rows.frame:
        raise DataError(
            f"{path}: expected a column 'x_label', which assigns rows to training (0), validation "
            "(1) and test (2); for one file per split, use train_path, validation_path and "
            "test_path"
        )
    tables = {}
    for label, split in LABELS.items():
        frame = rows.frame[rows.frame[LABEL] == label].drop(columns=LABEL)
        if len(frame):
            tables[split] = make_table(
                path, frame, has_ratings=rows.has_ratings, form=form, header=header
            ).without_times()
        elif split != "validation":
            raise DataError(f"{path}: no row has the x_label {label}, the {split} split")
    return tables


def _refuse_columns(path: Path, form: TableForm) -> None:
    key = "columns" if form.columns else "separator" if form.separator else None
    if key is not None:
        raise DataError(f"{path}: a .json file has no columns; remove 'data_config.{key}'")
