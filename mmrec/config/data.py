"""``data_config``: where the interactions and the item features are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from mmrec.config.describe import Accepts
from mmrec.config.fields import Flag, Section, as_list, repeated
from mmrec.config.paths import FilePath, LoaderOption
from mmrec.config.strategies import check_key
from mmrec.errors import listing

_TAKES = {
    "fixed": ("train_path", "validation_path", "test_path", "dataset_path"),
    "dataset": ("dataset_path",),
    "hierarchy": ("root_folder",),
}
_NEEDS = _TAKES | {"fixed": ()}  # what that needs depends on dataset_path

Missing = Literal["drop", "zeros", "mean", "neighbours", "error"]
"""What becomes of the items that a loader has no vector for: see :mod:`mmrec.features.missing`."""


class SideInformation(Section):
    """One source of item features: a loader, and the paths that it reads."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, LoaderOption]

    dataloader: str
    """Name of the loader, such as VisualAttribute."""
    missing: Missing = "drop"
    """What becomes of items without a vector."""

    @property
    def options(self) -> dict[str, Any]:
        """Every other key: texts are absolute paths, other values are as written."""
        return dict(self.__pydantic_extra__)


_Source = Annotated[
    SideInformation, Accepts("a mapping with the key 'dataloader' and the paths that it reads")
]


class DataConfig(Section):
    """Where the interactions and the item features are."""

    strategy: Literal["fixed", "dataset", "hierarchy"]
    """``fixed``: the splits are ready. ``dataset``: one file, filtered and split as
    ``prefiltering`` and ``splitting`` say. ``hierarchy``: a folder of folds."""
    dataset_path: FilePath | None = None
    """One file of all interactions; with strategy: fixed its column ``x_label`` tells the splits
    apart as MMRec's does, in place of a path for each."""
    train_path: FilePath | None = None
    """Training interactions, in a form that docs/data.md lists."""
    validation_path: FilePath | None = None
    """Interactions that epochs and trials are chosen by."""
    test_path: FilePath | None = None
    """Interactions that are reported on."""
    root_folder: FilePath | None = None
    """Folder of the folds, such as splitting.save_folder; for strategy: hierarchy."""
    header: Flag = False
    """The first line of each table names its columns; that of an ``.inter`` always does."""
    side_information: Annotated[
        tuple[_Source, ...],
        BeforeValidator(as_list),
        Accepts("a list of mappings, each with the key 'dataloader'"),
    ] = ()
    """Features of the items, one entry for every loader."""
    dataloader: Literal["DataSetLoader"] | None = None
    """Elliot's name for reading interactions as they are read here; without effect."""

    @property
    def split_paths(self) -> dict[str, tuple[str, Path]]:
        """The key and the file of each ready split, ``train`` first; one file may hold them all."""
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
            return value  # the key has no place here, or another one is at fault
        whole = info.data["dataset_path"]
        if value is not None and whole is not None:
            raise ValueError("stands beside dataset_path, which holds all splits; remove one")
        if value is None and whole is None and info.field_name != "validation_path":
            raise PydanticKnownError("missing")
        return value

    @field_validator("side_information")
    @classmethod
    def _loaders_differ(cls, value: tuple[SideInformation, ...]) -> tuple[SideInformation, ...]:
        twice = repeated(entry.dataloader for entry in value)
        if twice:
            raise ValueError(
                f"found the dataloader {listing(twice)} twice; accepted: every loader once, "
                "since models refer to it by its name"
            )
        return value
