"""``data_config``: where the interactions and the item features are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, ValidationInfo, field_validator

from mmrec.config.describe import Accepts
from mmrec.config.fields import Section, as_list, repeated
from mmrec.config.paths import FilePath, LoaderOption
from mmrec.config.strategies import check_key
from mmrec.errors import listing

_TAKES = {
    "fixed": ("train_path", "validation_path", "test_path"),
    "dataset": ("dataset_path",),
    "hierarchy": ("root_folder",),
}
_NEEDS = _TAKES | {"fixed": ("train_path", "test_path")}


class SideInformation(Section):
    """One source of item features: a loader, and the paths that it reads."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, LoaderOption]

    dataloader: str
    """Name of the loader, such as VisualAttribute."""

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
    train_path: FilePath | None = None
    """Training interactions: user, item, rating and timestamp, with tabs between, no header."""
    validation_path: FilePath | None = None
    """Interactions that epochs and trials are chosen by."""
    test_path: FilePath | None = None
    """Interactions that are reported on."""
    dataset_path: FilePath | None = None
    """All interactions, in the form of train_path; for strategy: dataset."""
    root_folder: FilePath | None = None
    """Folder of the folds, such as splitting.save_folder; for strategy: hierarchy."""
    side_information: Annotated[
        tuple[_Source, ...],
        BeforeValidator(as_list),
        Accepts("a list of mappings, each with the key 'dataloader'"),
    ] = ()
    """Features of the items, one entry for every loader."""
    dataloader: Literal["DataSetLoader"] | None = None
    """Elliot's name for reading interactions as they are read here; without effect."""

    @field_validator("train_path", "validation_path", "test_path", "dataset_path", "root_folder")
    @classmethod
    def _fits_strategy(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        check_key(value, info, _TAKES, _NEEDS)
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
