"""The formats of item vectors.

===============  ==========================================================================
``folder``       ``<item>.npy``, one vector each; also nested as written by Ducho
``npy``          ``.npy``: a matrix; ids in a file next to it, or its row numbers (MMRec)
``npz``          ``.npz``: the arrays ``ids`` and ``features``, or one vector for each id
``safetensors``  ``.safetensors``: the tensor ``features``; ids in the metadata or next to it
``pt``           ``.pt``, ``.pth``: a tensor, ``{"ids", "features"}``, or a dict from id to tensor
``parquet``      ``.parquet``: ids and a column of lists or columns of numbers (needs pyarrow)
``csv``          ``.csv``, ``.csv.gz``: an id and numbers, with or without a header
``tsv``          ``.tsv``, ``.tsv.gz``: the same, tab-separated
``recbole``      an atomic file such as ``.itememb``, recognised by its header
===============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from mmrec.errors import DataError, listing, nearest
from mmrec.features.arrays import open_npy, open_npz
from mmrec.features.folder import FolderSource
from mmrec.features.parquet import open_parquet
from mmrec.features.source import Source, reading
from mmrec.features.tensors import open_pt, open_safetensors
from mmrec.features.text import is_recbole, open_csv, open_recbole, open_tsv

SUFFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "folder": (),
        "npy": (".npy",),
        "npz": (".npz",),
        "safetensors": (".safetensors",),
        "pt": (".pt", ".pth"),
        "parquet": (".parquet",),
        "csv": (".csv", ".csv.gz"),
        "tsv": (".tsv", ".tsv.gz"),
        "recbole": (".itememb", ".itememb.gz"),
    }
)
"""Suffixes of each format."""

_OPENERS: Mapping[str, Callable[[Path], Source]] = MappingProxyType(
    {
        "folder": FolderSource,
        "npy": open_npy,
        "npz": open_npz,
        "safetensors": open_safetensors,
        "pt": open_pt,
    }
)
_TABLES: Mapping[str, Callable[[Path, str | None], Source]] = MappingProxyType(
    {
        "parquet": open_parquet,
        "csv": open_csv,
        "tsv": open_tsv,
        "recbole": open_recbole,
    }
)


def open_source(
    path: Path,
    source_format: str | None = None,
    *,
    cache_dir: Path | None = None,
    id_column: str | None = None,
) -> Source:
    """Open item vectors.

    Args:
        path: a file or folder.
        source_format: a key of :data:`SUFFIXES`; by default derived from the path.
        cache_dir: where vectors of a folder are packed; None for nowhere.
        id_column: the name of the column with the ids of a table; by default, it is found.

    Raises:
        DataError: the path does not exist or cannot be read, or ``id_column`` is given for a
            format without columns.
    """
    with reading(path, "item vectors"):
        name = find_format(path) if source_format is None else check_format(source_format)
        exists = path.exists()
    if not exists:
        what = "folder" if name in (None, "folder") else "file"
        raise DataError(f"{path}: no such {what}")
    if name is None and path.is_file() and is_recbole(path):
        name = "recbole"
    if name is None or path.is_dir() != (name == "folder"):
        endings = listing((suffix for known in SUFFIXES.values() for suffix in known), 20)
        wanted = "a folder of <item>.npy files" if name in (None, "folder") else f"a {name} file"
        either = f", or a file that ends in {endings}" if name is None else ""
        raise DataError(f"{path}: expected {wanted}{either}")
    if name in _TABLES:
        return _TABLES[name](path, id_column)
    if id_column is not None:
        raise DataError(
            f"{path}: 'id: {id_column}' names a column, but {name} has no columns; accepted for "
            f"{listing(_TABLES)}"
        )
    if name == "folder":
        return FolderSource(path, cache_dir)
    return _OPENERS[name](path)


def find_format(path: Path) -> str | None:
    """Return the format of a folder or of a file by its name; None if it is unknown."""
    if path.is_dir():
        return "folder"
    lowered = path.name.lower()
    for name, suffixes in SUFFIXES.items():
        if lowered.endswith(suffixes):
            return name
    return None


def check_format(name: str) -> str:
    """Return ``name`` if it is a format.

    Raises:
        DataError: it is not; the message contains the nearest format.
    """
    if name not in SUFFIXES:
        raise DataError(
            f"unknown format {name!r}{nearest(name, SUFFIXES)}; accepted: {listing(SUFFIXES, 20)}"
        )
    return name
