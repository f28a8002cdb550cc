"""``data_config``: where the interactions and the item features are."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from mmrec.config.describe import Accepts
from mmrec.config.fields import Flag, Section, as_list, check_distinct
from mmrec.config.paths import FilePath, LoaderOption
from mmrec.config.strategy_keys import check_key

_TAKES = {
    "fixed": ("train_path", "validation_path", "test_path", "dataset_path"),
    "dataset": ("dataset_path",),
    "hierarchy": ("root_folder",),
}
_NEEDS = _TAKES | {"fixed": ()}  # depends on dataset_path

Missing = Literal["drop", "zeros", "mean", "neighbours", "error"]
"""Policy for items without a vector; see :mod:`mmrec.features.missing`."""


class SideInformation(Section):
    """One source of item features: a loader, and the paths that it reads."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, LoaderOption]

    dataloader: str
    """Name of the loader, such as ``VisualAttribute``."""
    missing: Missing = "drop"
    """Policy for items without a vector."""
    id: str | None = None
    """Name of the column with the ids, if the features are a table."""

    @property
    def options(self) -> dict[str, Any]:
        """All other keys: strings are absolute paths, other values are as written."""
        return dict(self.__pydantic_extra__)


_Source = Annotated[
    SideInformation, Accepts("a mapping with the key 'dataloader' and the paths of the loader")
]


class Columns(Section):
    """Names of columns in the header of the files of interactions."""

    user: str | None = None
    """Column with the users."""
    item: str | None = None
    """Column with the items."""
    rating: str | None = None
    """Column with the ratings."""
    timestamp: str | None = None
    """Column with the timestamps: numbers, or dates such as 2014-07-23."""

    def as_roles(self) -> dict[str, str]:
        """Return the names by ``user_id``, ``item_id``, ``rating`` and ``timestamp``."""
        names = {"user_id": self.user, "item_id": self.item}
        names |= {"rating": self.rating, "timestamp": self.timestamp}
        return {role: name for role, name in names.items() if name is not None}

    @field_validator("timestamp")
    @classmethod
    def _names_differ(cls, value: str | None, info: ValidationInfo) -> str | None:
        check_distinct(name for name in (*info.data.values(), value) if name is not None)
        return value


def _separator(value: str) -> str:
    mark = value.replace("\\t", "\t")
    if not mark or any(c.isalnum() or c in '\r\n"' for c in mark):
        raise ValueError(
            f"found {value!r}; accepted: text without letters, digits, quotes and line ends, such "
            "as ',', ';', '::' or ' '"
        )
    return " " if not mark.strip(" ") else mark


def _encoding(value: str) -> str:
    try:
        name = codecs.lookup(value).name
        "".encode(name)
    except LookupError:
        raise ValueError(
            f"found {value!r}; accepted: an encoding of Python, such as utf-8, latin-1 or cp1252"
        ) from None
    return name


class DataConfig(Section):
    """Where the interactions and the item features are."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "dataloader": "not needed: mmrec recognises the form of each file; remove the key",
    }

    strategy: Literal["fixed", "dataset", "hierarchy"]
    """``fixed``: the splits are ready. ``dataset``: one file, filtered by ``prefiltering`` and
    split by ``splitting``. ``hierarchy``: a folder of folds."""
    dataset_path: FilePath | None = None
    """One file of all interactions. With ``strategy: fixed``, its column ``x_label`` assigns each
    row to a split (0, 1, 2: training, validation, test), as in MMRec."""
    train_path: FilePath | None = None
    """Training interactions, in a form that docs/data.md lists."""
    validation_path: FilePath | None = None
    """Interactions that select epochs and trials."""
    test_path: FilePath | None = None
    """Interactions of the reported figures."""
    root_folder: FilePath | None = None
    """Folder of the folds, such as splitting.save_folder; for strategy: hierarchy."""
    header: Flag = False
    """The first line of each file names its columns; always so in ``.inter`` files."""
    columns: Columns | None = None
    """Names of columns in the header of each file, where mmrec does not know them."""
    separator: Annotated[str, AfterValidator(_separator)] | None = None
    """Text between two fields, such as ';' or '::'; ' ' is any number of blanks. By default, a
    comma in ``.csv`` files and a tab in others."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Encoding of the files, such as latin-1."""
    duplicates: Literal["last", "first", "mean", "latest", "error"] = "last"
    """What counts of rows of the same user and item: a row by its place or its timestamp, or the
    mean of their ratings. error: none is accepted."""
    side_information: Annotated[
        tuple[_Source, ...],
        BeforeValidator(as_list),
        Accepts("a list of mappings, each with the key 'dataloader'"),
    ] = ()
    """Features of the items, one entry per loader."""

    @property
    def split_paths(self) -> dict[str, tuple[str, Path]]:
        """Key and file of each ready split, ``train`` first; all may be the same file."""
        keys = {"train": "train_path", "validation": "validation_path", "test": "test_path"}
        if self.dataset_path is not None:
            keys = dict.fromkeys(keys, "dataset_path")
        paths = {split: (key, getattr(self, key)) for split, key in keys.items()}
        return {split: (key, path) for split, (key, path) in paths.items() if path is not None}

    @field_validator("dataset_path", "train_path", "validation_path", "test_path", "root_folder")
    @classmethod
    def _fits_strategy(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        check_key(value, info, _TAKES, _NEEDS)
        return value

    @field_validator("train_path", "validation_path", "test_path")
    @classmethod
    def _is_in_one_place(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if info.data.get("strategy") != "fixed" or "dataset_path" not in info.data:
            return value  # does not apply, or another key is invalid
        whole = info.data["dataset_path"]
        if value is not None and whole is not None:
            raise ValueError(
                "cannot be combined with dataset_path, which contains all splits; remove one"
            )
        if value is None and whole is None and info.field_name != "validation_path":
            raise PydanticKnownError("missing")
        return value

    @field_validator("side_information")
    @classmethod
    def _loaders_differ(cls, value: tuple[SideInformation, ...]) -> tuple[SideInformation, ...]:
        check_distinct(entry.dataloader for entry in value)
        return value
