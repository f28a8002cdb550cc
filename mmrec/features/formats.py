"""The formats of item vectors, told apart by what a path leads to.

===============  ==========================================================================
``folder``       ``<item>.npy``, one vector each; also nested as Ducho writes them
``npy``          ``.npy``: a matrix; its ids in a file beside it, or its row numbers (MMRec)
``npz``          ``.npz``: the arrays ``ids`` and ``features``, or one vector for each id
``safetensors``  ``.safetensors``: the tensor ``features``; its ids in the metadata or beside it
``pt``           ``.pt``, ``.pth``: a tensor, ``{"ids", "features"}``, or a dict from id to tensor
``parquet``      ``.parquet``: ``id`` and a column of lists or columns of numbers (needs pyarrow)
``csv``          ``.csv``, ``.csv.gz``: an id, then numbers
``tsv``          ``.tsv``, ``.tsv.gz``: the same between tabs
``recbole``      an atomic file such as ``.itememb``, known by its header
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
"""How the names of each format's files end."""

_OPENERS: Mapping[str, Callable[[Path], Source]] = MappingProxyType(
    {
        "folder": FolderSource,
        "npy": open_npy,
        "npz": open_npz,
        "safetensors": open_safetensors,
        "pt": open_pt,
        "parquet": open_parquet,
        "csv": open_csv,
        "tsv": open_tsv,
        "recbole": open_recbole,
    }
)


def open_source(
    path: Path, source_format: str | None = None, *, cache_dir: Path | None = None
) -> Source:
    """Open item vectors.

    Args:
        path: a file or folder.
        source_format: a key of :data:`SUFFIXES`; by default what the path looks like.
        cache_dir: where the vectors of a folder are packed; None: nowhere.

    Raises:
        DataError: there is nothing, or nothing that can be read; the message names the path.
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
        either = f", or a file whose name ends in {endings}" if name is None else ""
        raise DataError(f"{path}: expected {wanted}{either}")
    if name == "folder":
        return FolderSource(path, cache_dir)
    return _OPENERS[name](path)


def find_format(path: Path) -> str | None:
    """Return the format that a path has by its name, or None; a folder is always a folder."""
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
        DataError: it is none; the message names the nearest.
    """
    if name not in SUFFIXES:
        raise DataError(
            f"unknown format {name!r}{nearest(name, SUFFIXES)}; known: {listing(SUFFIXES, 20)}"
        )
    return name
