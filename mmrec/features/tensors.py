"""Item vectors in ``.safetensors`` files, and in ``.pt`` files of torch.

Nothing is unpickled: torch reads with ``weights_only=True``.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.ids import (
    id_files,
    ids_of_array,
    ids_of_values,
    number_rows,
    parse_json_ids,
    rows_of_id_file,
)
from mmrec.features.source import (
    ItemwiseSource,
    MatrixSource,
    Numbers,
    Source,
    check_matrix,
    check_vector,
    could_be_vector,
    other_names,
    reading,
)

if TYPE_CHECKING:
    from torch import Tensor

_KINDS = {
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **{f"{sign}{8 * size}": f"<{sign.lower()}{size}" for sign in "IU" for size in (1, 2, 4, 8)},
    "BF16": "<u2",
}
"""numpy's names of the types of safetensors."""

_MAPPED_BYTES = 1 << 26
"""Bytes of a torch file that are read before it is reopened (64 MiB)."""


def open_safetensors(path: Path) -> Source:
    """Map the tensor ``features`` [N, F].

    Ids are a JSON list under ``ids`` in the metadata, or the tensor ``ids`` of whole numbers, or in
    a file next to it, or the row numbers.

    Raises:
        DataError: the file is damaged or contains other tensors.
    """
    from safetensors import safe_open

    with reading(path, "safetensors"):
        with safe_open(path, framework="np") as file:  # checks every size and offset
            names = list(file.keys())
            metadata = file.metadata() or {}
            ids = metadata.get("ids")
            listed = file.get_tensor("ids") if ids is None and "ids" in names else None
        if "features" not in names:
            raise DataError(
                f"{path}: expected the tensor 'features', and the ids in the metadata, in the "
                f"tensor 'ids' or in a file next to it; found {listing(names) or 'none'}"
            )
        with path.open("rb") as raw:
            n_header = int.from_bytes(raw.read(8), "little")
            entry = json.loads(raw.read(n_header))["features"]
        if entry["dtype"] not in _KINDS:
            raise DataError(f"{path}: expected a matrix of numbers, found {entry['dtype']}")
        matrix: Numbers = np.asarray(
            np.memmap(
                path,
                _KINDS[entry["dtype"]],
                mode="r",
                offset=8 + n_header + entry["data_offsets"][0],
                shape=tuple(entry["shape"]),
            )
        )
    check_matrix(path, matrix)
    if listed is not None:
        rows = number_rows(ids_of_array(listed, f"{path}: ids"), path)
    elif ids is not None:
        rows = parse_json_ids(ids, f"{path}: ids")
    elif len(names) > 1 and not id_files(path):  # one of the others may be the ids
        raise other_names(path, names)
    else:
        if not id_files(path):
            _refuse_other_ids(path, metadata, len(matrix))
        rows = rows_of_id_file(path, len(matrix))
    is_bfloat16 = entry["dtype"] == "BF16"
    return MatrixSource(path, rows, matrix, is_bfloat16=is_bfloat16, is_mapped=True)


def _refuse_other_ids(path: Path, metadata: Mapping[str, str], n_rows: int) -> None:
    """Refuse metadata that list as many values as the matrix has rows, but not under ``ids``."""
    for name, text in metadata.items():
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            listed = text.split(",")
        if isinstance(listed, list | dict) and len(listed) == n_rows > 1:
            raise DataError(
                f"{path}: expected the ids under 'ids' in the metadata, found {n_rows} values "
                f"under {name!r}"
            )


def open_pt(path: Path) -> Source:
    """Read ``{"ids": [...], "features": tensor}``, a dict from id to tensor, or one tensor.

    The ids of a single tensor are in a file next to it, or the row numbers.

    Raises:
        DataError: the file is damaged, requires unpickling, or has other content.
    """
    return _SavedSource(path)


class _SavedSource(Source):
    """A torch file, reopened when much of it was read.

    torch maps the file, but cannot release the pages that were read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._opened = _open_saved(path)
        self._n_bytes = 0

    @property
    def ids(self) -> Set[str]:
        return self._opened.ids

    @property
    def has_row_numbers(self) -> bool:
        return self._opened.has_row_numbers

    @property
    def is_mapped(self) -> bool:
        return True

    def read(self, item_ids: Sequence[str]) -> Features:
        vectors = self._opened.read(item_ids)
        self._n_bytes += vectors.nbytes
        return vectors

    def release(self) -> None:
        if self._n_bytes >= _MAPPED_BYTES and _can_be_mapped(self.path):
            del self._opened  # first, because it may be many small tensors
            self._opened = _open_saved(self.path)
            self._n_bytes = 0


def _open_saved(path: Path) -> Source:
    content = _load(path)
    if not isinstance(content, Mapping):
        matrix, is_bfloat16 = _matrix(content, path)
        rows = rows_of_id_file(path, len(matrix))
        return MatrixSource(path, rows, matrix, is_bfloat16=is_bfloat16)
    if {"ids", "features"} <= set(content):
        ids = content["ids"]
        if not isinstance(ids, Sequence) or isinstance(ids, str):
            ids = _numbers(ids, f"{path}: ids", "a list of ids").tolist()
        rows = number_rows(ids_of_values(ids, f"{path}: ids"), path)
        matrix, is_bfloat16 = _matrix(content["features"], path)
        return MatrixSource(path, rows, matrix, is_bfloat16=is_bfloat16)
    if not content:
        raise DataError(f"{path}: the dict is empty")
    if {"ids", "features"} & set(content) or not all(map(_is_vector, content.values())):
        raise other_names(path, content)
    keys = dict(zip(number_rows(ids_of_values(content, path), path), content, strict=True))

    def read_vectors(item_ids: Sequence[str]) -> list[Numbers]:
        vectors = []
        for item_id in item_ids:
            place = f"{path}: {item_id}"
            vector = _numbers(content[keys[item_id]], place, "a vector")
            vectors.append(check_vector(place, vector))
        return vectors

    return ItemwiseSource(path, keys.keys(), read_vectors)


def _is_vector(value: object) -> bool:
    """Return whether a value of a dict can be the vector of an item; its type is checked later."""
    if isinstance(value, Mapping | list | tuple):  # a state within another, a list of ids
        return False
    return could_be_vector(getattr(value, "shape", (0,)))


def _load(path: Path) -> Any:  # noqa: ANN401 - whatever torch has saved
    import torch

    if torch.__version__ < "2.6":  # compares as versions
        raise DataError(
            f"{path}: requires torch 2.6, found {torch.__version__}: in older versions, a .pt file "
            "can run code despite weights_only (CVE-2025-32434)"
        )
    with reading(path, "a torch file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about old formats
        mapped = _can_be_mapped(path)
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        except pickle.UnpicklingError as error:  # torch's message recommends unpickling
            raise DataError(
                f"{path}: not a torch file, or it contains more than tensors, dicts, lists, "
                "strings and numbers; unpickling it would not be safe"
            ) from error


def _can_be_mapped(path: Path) -> bool:
    return zipfile.is_zipfile(path)  # versions of torch before 1.6 wrote another format


def _matrix(value: object, path: Path) -> tuple[Numbers, bool]:
    """Return a matrix without a copy, and whether its uint16 are bfloat16."""
    import torch

    is_bfloat16 = isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16
    if is_bfloat16:
        value = cast("Tensor", value).view(torch.uint16)
    return check_matrix(path, _numbers(value, path, "a matrix")), is_bfloat16


def _numbers(value: object, place: Path | str, what: str) -> Numbers:
    import torch

    if not isinstance(value, torch.Tensor):
        raise DataError(f"{place}: expected {what} as a tensor, found {type(value).__name__}")
    if value.layout != torch.strided:
        raise DataError(f"{place}: expected {what} as a dense tensor, found {value.layout}")
    with reading(place, what):
        stored = value.untyped_storage().nbytes()
        if value.numel() * value.element_size() > stored:  # an expanded view
            raise DataError(
                f"{place}: expected {what}, found the shape {tuple(value.shape)} with only "
                f"{stored:,} bytes of numbers"
            )
        tensor = value.float() if value.dtype == torch.bfloat16 else value
        array: Numbers = tensor.detach().numpy()
    return array
