"""The models that an entry of ``models`` names, and their search spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_origin

from mmrec.config import Loaded, Space, parse_space, path_problem
from mmrec.errors import DataError, ModelError, nearest
from mmrec.files import encoded, path_errors
from mmrec.models import RecommendationFile, Recommender, find_recommender
from mmrec.planning.entry import Entry
from mmrec.planning.inputs import declared_loaders
from mmrec.planning.modality_subsets import with_subsets

FOLDER = "RecommendationFolder"
"""Elliot's entry for lists made elsewhere; each file of the folder is a model of its own."""


@dataclass(frozen=True)
class Candidate:
    """A model and its search space."""

    name: str
    """The model's name in tables."""
    recommender: type[Recommender]
    space: Space


def find_candidates(
    entry: Entry,
    hyper_parameters: Mapping[str, Any],
    loaded: Loaded,
    external: ModuleType | None,
    n_folds: int,
) -> Iterator[Candidate]:
    """Yield the models that an entry names: one, or one for each file of a folder of lists.

    Args:
        entry: the entry; takes the problems.
        hyper_parameters: what the entry contains besides ``meta`` and ``early_stopping``.
        loaded: the experiment as it was read.
        external: the user's own module, if there is one.
        n_folds: the number of folds of the data.
    """
    if entry.key == FOLDER:
        if n_folds > 1:
            entry.add(f"lists made elsewhere belong to one split; the data have {n_folds} folds")
        for file in _list_files(entry, hyper_parameters, loaded):
            name = encoded(file.stem).decode()  # tables hold Unicode only
            yield Candidate(name, RecommendationFile, Space(("file",), {"file": file}, {}))
        return
    try:
        recommender = find_recommender(entry.key, external)
    except ModelError as error:
        entry.add(str(error))
        return
    config, declared = recommender.Config, declared_loaders(loaded.data_config)
    written = with_subsets(hyper_parameters, config, declared, entry.problems, entry.path)
    if written is not None:
        fields = config.model_fields.items()
        tuples = {name for name, field in fields if get_origin(field.annotation) is tuple}
        space = parse_space(written, tuples, entry.problems, entry.path)
        yield Candidate(_table_name(entry.key, loaded), recommender, space)


def _table_name(key: str, loaded: Loaded) -> str:
    """Return the key without ``external.``, unless another model then has the same name."""
    name = key.rpartition(".")[2]
    same = [other for other in loaded.models if other.rpartition(".")[2] == name]
    return key if len(same) > 1 else name


def _list_files(entry: Entry, settings: Mapping[str, Any], loaded: Loaded) -> list[Path]:
    """Return the files of the folder that the entry names, by name."""
    for unknown in (key for key in settings if key != "folder"):
        entry.add(f"unknown key{nearest(unknown, ['folder'])}; accepted: folder", unknown)
    if not isinstance(settings.get("folder"), str):
        entry.add("accepted: the path of a folder of lists", "folder")
        return []
    try:
        folder = loaded.locate(settings["folder"])
    except ValueError as error:
        entry.add(str(error), "folder")
        return []
    problem = path_problem(folder, wants_folder=True)
    if problem is not None:
        entry.add(problem, "folder")
        return []
    try:
        with path_errors(folder):
            files = sorted(f for f in folder.iterdir() if f.is_file() and f.name[0] != ".")
    except DataError as error:
        entry.add(str(error), "folder")
        return []
    if not files:
        entry.add(f"{folder} contains no file", "folder")
    return files
