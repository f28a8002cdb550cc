"""From an entry of ``models`` to its search, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_origin

from pydantic import ValidationError

from mmrec.config import (
    EarlyStopping,
    Loaded,
    ModelMeta,
    Section,
    SeedRepeat,
    Space,
    parse_metric_label,
    parse_space,
)
from mmrec.errors import ConfigError, ModelError, listing, nearest
from mmrec.evaluation import figure_name, find_metric
from mmrec.models import (
    ModelConfig,
    MultimodalConfig,
    RecommendationFile,
    Recommender,
    RecommenderConfig,
    find_recommender,
)
from mmrec.planning.inputs import missing_loaders, path_problem
from mmrec.planning.modality_subsets import with_subsets
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.points import Values, drawn_points, grid_points, is_drawn, most_points, probes
from mmrec.text import install_hint
from mmrec.training.objective import LOSS
from mmrec.training.seeding import rng_for

FOLDER = "RecommendationFolder"
"""Elliot's entry for lists made elsewhere; each file of the folder is a model of its own."""

_S = TypeVar("_S", bound=Section)
_Path = tuple[str | int, ...]


class ModelPlanner:
    """Plans the entries of ``models``; what is wrong goes to the problems of the file.

    Args:
        loaded: the experiment as it was read.
        external: the user's own module, if there is one.
        metrics: canonical names of the experiment's metrics; empty if they are not known.
        n_folds: how many folds every trial is run on.
    """

    def __init__(
        self,
        loaded: Loaded,
        external: ModuleType | None,
        metrics: tuple[str, ...],
        n_folds: int,
    ) -> None:
        self._loaded = loaded
        self._problems = loaded.problems
        self._external = external
        self._metrics = metrics
        self._n_folds = n_folds
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
        seeds = self._seeds(entry, meta, path)
        for name, recommender, space in self._searches(key, entry, path):
            points = self._points(space, meta, path)
            checked = list(probes(space)) if points is None else points
            configs = self._configs(recommender, checked, path)
            if meta and configs and select_by and monitor:
                self._check_trials(configs, meta, path)
                yield ModelPlan(
                    name=name,
                    key=key,
                    searched=tuple(space.dimensions),
                    recommender=recommender,
                    space=space,
                    points=None if points is None else tuple(points),
                    n_points=most_points(space, meta) if points is None else len(points),
                    seeds=seeds,
                    n_folds=self._n_folds,
                    random_seed=self._random_seed,
                    meta=meta,
                    early_stopping=stopping,
                    select_by=select_by,
                    monitor=monitor,
                )

    @property
    def _random_seed(self) -> int:
        return 42 if self._loaded.experiment is None else self._loaded.experiment.random_seed

    @property
    def _declared(self) -> list[str] | None:
        """The loaders of ``side_information``, in order; None if it was not read."""
        data = self._loaded.data_config
        return None if data is None else [source.dataloader for source in data.side_information]

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
            if self._n_folds > 1:
                self._problems.add(
                    path,
                    f"lists made elsewhere belong to one split, and the data have {self._n_folds} "
                    "folds",
                )
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
        written = with_subsets(entry, recommender.Config, self._declared, self._problems, path)
        if written is None:
            return
        fields = recommender.Config.model_fields
        tuples = {name for name, f in fields.items() if get_origin(f.annotation) is tuple}
        yield self._names[key], recommender, parse_space(written, tuples, self._problems, path)

    def _files(self, entry: Mapping[str, Any], path: _Path) -> list[Path]:
        for unknown in (key for key in entry if key != "folder"):
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
        problem = path_problem(folder, wants_folder=True)
        if problem is not None:
            self._problems.add((*path, "folder"), problem)
            return []
        files = sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
        if not files:
            self._problems.add((*path, "folder"), f"{folder} holds no file")
        return files

    def _seeds(self, entry: dict[str, Any], meta: ModelMeta | None, path: _Path) -> tuple[int, ...]:
        """Return the seeds of every point, and take ``seed: {repeat: 5}`` out of the entry."""
        listed = () if meta is None else meta.seeds
        if listed and "seed" in entry:
            self._problems.add(
                (*path, "seed"), "stands beside meta.seeds; accepted: one of the two"
            )
        if not isinstance(entry.get("seed"), Mapping):
            return listed
        repeat = self._section(SeedRepeat, entry.pop("seed"), (*path, "seed"))
        return tuple(self._random_seed + n for n in range(repeat.repeat)) if repeat else ()

    def _configs(
        self, recommender: type[Recommender], points: Sequence[Values], path: _Path
    ) -> list[RecommenderConfig]:
        """Return what the model reads in the points; nothing if one of them is at fault."""
        configs = []
        before = len(self._problems)
        for point in points:
            try:
                configs.append(recommender.Config.model_validate(point))
            except ValidationError as error:
                self._problems.add_validation_error(path, error, recommender.Config)
        return configs if len(self._problems) == before else []

    def _points(self, space: Space, meta: ModelMeta | None, path: _Path) -> list[Values] | None:
        """Return the points of a grid or of a random search; None for one that goes by figures."""
        meta = meta or ModelMeta()
        algorithm, limit = meta.hyper_opt_alg, meta.hyper_max_evals
        if algorithm == "tpe" and find_spec("optuna") is None:
            self._problems.add(
                (*path, "meta", "hyper_opt_alg"),
                f"'tpe' needs the package optuna: {install_hint('search')}",
            )
        if not is_drawn(space, meta):
            return list(grid_points(space, limit))
        if limit is None and space.dimensions and not (algorithm == "tpe" and space.is_finite):
            kind = "by tpe over a distribution" if algorithm == "tpe" else "that draws at random"
            self._problems.add(
                (*path, "meta"),
                f"a search {kind} needs hyper_max_evals, the number of its points",
            )
        if algorithm == "tpe" and space.dimensions:
            return None
        rng = rng_for(self._random_seed, "search", str(path[-1]))
        return list(drawn_points(space, limit or 1, rng))

    def _check_trials(self, configs: list[RecommenderConfig], meta: ModelMeta, path: _Path) -> None:
        """Add what no single field shows: the loaders there are, and an evaluation that is due."""
        declared = self._declared
        for config in configs:
            if isinstance(config, MultimodalConfig) and declared is not None:
                for message in missing_loaders(config.sources, declared):
                    self._problems.add(path, message)
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
        cutoffs = () if self._loaded.evaluation is None else self._loaded.evaluation.cutoffs
        if not cutoffs or not self._metrics:
            return None
        name, cutoff = self._metrics[0], cutoffs[0]
        if label is not None:
            try:
                asked, own_cutoff = parse_metric_label(label)
                name, cutoff = find_metric(asked).name, own_cutoff or cutoff
            except ConfigError as error:
                self._problems.add(path, str(error))
                return None
        if name not in self._metrics or cutoff not in cutoffs:
            computed = [figure_name(find_metric(m), k) for m in self._metrics for k in cutoffs]
            self._problems.add(
                path,
                f"found {label!r}, which is not computed{nearest(str(label), computed)}; "
                f"accepted: {listing(computed, 20)} (see simple_metrics and cutoffs)",
            )
            return None
        return figure_name(find_metric(name), cutoff)
