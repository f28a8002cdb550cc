"""The trials of one entry of ``models``, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_origin

from pydantic import ValidationError

from mmrec.config import EarlyStopping, Loaded, ModelMeta, Section, Space, parse_space
from mmrec.errors import MmrecError, ModelError, listing, nearest
from mmrec.evaluation import figure_name, find_metric, parse_figure_name
from mmrec.features import LOADERS
from mmrec.models import (
    ModelConfig,
    MultimodalConfig,
    RecommendationFile,
    Recommender,
    RecommenderConfig,
    find_recommender,
)
from mmrec.search.inputs import missing_path
from mmrec.training import LOSS, rng_for

FOLDER = "RecommendationFolder"
"""Elliot's entry for lists made elsewhere; each file of the folder is a model of its own."""

_S = TypeVar("_S", bound=Section)
_Path = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class ModelPlan:
    """One entry of ``models``: its trials and how the best of them is found."""

    name: str
    """How tables call the model."""
    key: str
    """How the file calls it, for example ``external.LATTICE``."""
    recommender: type[Recommender]
    configs: tuple[RecommenderConfig, ...]
    """The hyper-parameters of every trial, in order."""
    searched: tuple[str, ...]
    """The hyper-parameters that are searched, in the order of the file."""
    is_drawn: bool
    """Whether the trials are drawn at random, not listed as a grid."""
    meta: ModelMeta
    early_stopping: EarlyStopping | None
    select_by: str
    """The validation figure that is to be best, or ``loss``."""
    monitor: str
    """What early stopping looks at: a validation figure, or ``loss``."""


class ModelPlanner:
    """Plans the entries of ``models``; what is wrong goes to the problems of the file.

    Args:
        loaded: the experiment as it was read.
        external: the user's own module, if there is one.
        metrics: canonical names of the experiment's metrics; empty if they are not known.
    """

    def __init__(
        self, loaded: Loaded, external: ModuleType | None, metrics: tuple[str, ...]
    ) -> None:
        self._loaded = loaded
        self._problems = loaded.problems
        self._external = external
        self._metrics = metrics
        names = [key.rpartition(".")[2] for key in loaded.models]
        self._names = {
            key: key if names.count(name) > 1 else name
            for key, name in zip(loaded.models, names, strict=True)
        }

    def plan(self, key: str) -> Iterator[ModelPlan]:
        """Yield the plan of an entry; nothing if it has problems, several for a folder."""
        path = ("experiment", "models", key)
        entry = dict(self._loaded.models[key])
        meta = self._section(ModelMeta, entry.pop("meta", None) or {}, (*path, "meta"))
        written = entry.pop("early_stopping", None)
        stopping = written and self._section(EarlyStopping, written, (*path, "early_stopping"))
        select_by = self._selection(meta, path)
        monitor = self._monitor(stopping, select_by, path)
        for name, recommender, space in self._searches(key, entry, path):
            configs = self._configs(recommender, space, meta, path)
            if meta and configs and select_by and monitor:
                self._check_trials(configs, meta, path)
                yield ModelPlan(
                    name=name,
                    key=key,
                    recommender=recommender,
                    configs=tuple(configs),
                    searched=tuple(space.dimensions),
                    is_drawn=_is_drawn(space, meta),
                    meta=meta,
                    early_stopping=stopping,
                    select_by=select_by,
                    monitor=monitor,
                )

    def _section(self, kind: type[_S], entry: object, path: _Path) -> _S | None:
        try:
            return kind.model_validate(entry)
        except ValidationError as error:
            self._problems.add_validation_error(path, error, kind)
            return None

    def _searches(
        self, key: str, entry: Mapping[str, Any], path: _Path
    ) -> Iterator[tuple[str, type[Recommender], Space]]:
        """Yield name, class and search space of each model that the entry stands for."""
        if key == FOLDER:
            for file in self._files(entry, path):
                yield file.stem, RecommendationFile, Space(("file",), {"file": file}, {})
            return
        path_is_bad = self._external is None and self._loaded.external_models_path is not None
        if key.startswith("external.") and path_is_bad:
            return  # that the file of external models is broken has been said
        try:
            recommender = find_recommender(key, self._external)
        except ModelError as error:
            self._problems.add(path, str(error))
            return
        fields = recommender.Config.model_fields
        tuples = {name for name, f in fields.items() if get_origin(f.annotation) is tuple}
        yield self._names[key], recommender, parse_space(entry, tuples, self._problems, path)

    def _files(self, entry: Mapping[str, Any], path: _Path) -> list[Path]:
        for unknown in set(entry) - {"folder"}:
            message = f"unknown key{nearest(unknown, ['folder'])}; accepted: folder"
            self._problems.add((*path, unknown), message)
        if not isinstance(entry.get("folder"), str):
            self._problems.add((*path, "folder"), "accepted: the path of a folder of lists")
            return []
        try:
            folder = self._loaded.locate(entry["folder"])
        except ValueError as error:
            self._problems.add((*path, "folder"), str(error))
            return []
        if not folder.is_dir():
            self._problems.add((*path, "folder"), missing_path(folder))
            return []
        files = sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
        if not files:
            self._problems.add((*path, "folder"), f"{folder} holds no file")
        return files

    def _configs(
        self,
        recommender: type[Recommender],
        space: Space,
        meta: ModelMeta | None,
        path: _Path,
    ) -> list[RecommenderConfig]:
        """Validate every point of the search; the points of a random search are drawn here."""
        configs = []
        before = len(self._problems)
        for point in self._points(space, meta, path):
            try:
                configs.append(recommender.Config.model_validate(point))
            except ValidationError as error:
                self._problems.add_validation_error(path, error, recommender.Config)
        return configs if len(self._problems) == before else []

    def _points(
        self, space: Space, meta: ModelMeta | None, path: _Path
    ) -> Iterator[Mapping[str, Any]]:
        algorithm = "grid" if meta is None else meta.hyper_opt_alg
        limit = None if meta is None else meta.hyper_max_evals
        where = (*path, "meta", "hyper_opt_alg")
        if algorithm not in ("grid", "rand"):
            self._problems.add(
                where, f"{algorithm!r} is not available yet in this version; use grid or rand"
            )
        if meta is None or not _is_drawn(space, meta):
            yield from (p for n, p in enumerate(space.grid()) if limit is None or n < limit)
            return
        if limit is None and space.dimensions:
            self._problems.add(
                (*path, "meta"),
                "a search that draws at random needs hyper_max_evals, the number of its trials",
            )
        seed = 42 if self._loaded.experiment is None else self._loaded.experiment.random_seed
        rng = rng_for(seed, "search", str(path[-1]))
        drawn = set()
        for _ in range(limit or 1):
            point = space.draw(rng)
            if repr(point) not in drawn:  # a small space may give the same point twice
                drawn.add(repr(point))
                yield point

    def _check_trials(self, configs: list[RecommenderConfig], meta: ModelMeta, path: _Path) -> None:
        """Add what no single field shows: the loaders there are, and an evaluation that is due."""
        experiment = self._loaded.experiment
        declared = (
            None
            if experiment is None
            else [entry.dataloader for entry in experiment.data_config.side_information]
        )
        for config in configs:
            if isinstance(config, MultimodalConfig) and declared is not None:
                for modality, loader in config.sources.items():
                    if loader not in declared:
                        like = "" if loader in LOADERS else nearest(loader, declared)
                        self._problems.add(
                            path,
                            f"modality {modality!r} needs the loader {loader!r}, which "
                            f"side_information does not have{like}; "
                            f"it has: {listing(declared) or 'none'}",
                        )
            if isinstance(config, ModelConfig) and meta.validation_rate > config.epochs:
                self._problems.add(
                    (*path, "meta", "validation_rate"),
                    f"found {meta.validation_rate}, more than the {config.epochs} epochs of a "
                    "trial, which would never be evaluated; accepted: at most the epochs",
                )

    def _selection(self, meta: ModelMeta | None, path: _Path) -> str | None:
        if meta is not None and meta.optimize_internal_loss:
            return LOSS
        label = None if meta is None else meta.validation_metric
        return self._figure(label, (*path, "meta", "validation_metric"))

    def _monitor(
        self, stopping: EarlyStopping | None, select_by: str | None, path: _Path
    ) -> str | None:
        if stopping is None or stopping.monitor is None:
            return select_by
        if stopping.monitor == LOSS:
            return LOSS
        return self._figure(stopping.monitor, (*path, "early_stopping", "monitor"))

    def _figure(self, label: str | None, path: _Path) -> str | None:
        """Return the canonical label of a figure that the experiment computes.

        Without a label it is the first metric at the first cutoff; a label without a cutoff
        means the first one too.
        """
        experiment = self._loaded.experiment
        if experiment is None or not self._metrics:
            return None
        cutoffs = experiment.evaluation.cutoffs
        name, cutoff = self._metrics[0], cutoffs[0]
        if label is not None:
            try:
                if "@" in label:
                    metric, cutoff = parse_figure_name(label)
                else:
                    metric = find_metric(label)
            except (MmrecError, ValueError) as error:
                self._problems.add(path, str(error))
                return None
            name = metric.name
        if name not in self._metrics or cutoff not in cutoffs:
            computed = [figure_name(find_metric(m), k) for m in self._metrics for k in cutoffs]
            self._problems.add(
                path,
                f"found {label!r}, which is not computed{nearest(str(label), computed)}; "
                f"accepted: {listing(computed, 20)} (see simple_metrics and cutoffs)",
            )
            return None
        return figure_name(find_metric(name), cutoff)


def _is_drawn(space: Space, meta: ModelMeta) -> bool:
    """Say whether the trials are random draws.

    Elliot's grid samples too, so a file may ask ``grid`` for a distribution; the run says so.
    """
    return meta.hyper_opt_alg != "grid" or not space.is_finite
