"""From an entry of ``models`` to the plan of its search, or to its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType

from pydantic import ValidationError

from mmrec.config import EarlyStopping, Loaded, ModelMeta, SeedRepeat
from mmrec.data import SAMPLERS
from mmrec.errors import listing
from mmrec.evaluation import Better
from mmrec.models import FeaturesConfig, Model, ModelConfig, Recommender, RecommenderConfig
from mmrec.planning.candidates import find_candidates
from mmrec.planning.entry import Entry
from mmrec.planning.inputs import declared_loaders, missing_loaders
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.objectives import ComputedFigures
from mmrec.planning.points import Values, most_points, plan_points, sample_points


def plan_entry(
    loaded: Loaded,
    key: str,
    external: ModuleType | None,
    metrics: Sequence[str],
    columns: Mapping[str, Better],
    n_folds: int,
) -> Iterator[ModelPlan]:
    """Yield the plans of an entry of ``models``: one, or one for each file of a folder of lists.

    Nothing is yielded if the entry has problems, which are added to those of the file.

    Args:
        loaded: the experiment as it was read.
        key: of the entry.
        external: the user's own module, if there is one.
        metrics: canonical names of the metrics that may select; empty if they are invalid.
        columns: the names of all figures without cutoffs, and which values are better.
        n_folds: the number of folds that every trial is run on.
    """
    entry = Entry(key, loaded.models[key], loaded.problems)
    written = dict(entry.settings)
    written_meta = written.pop("meta", None)
    given_meta = entry.read(ModelMeta, {} if written_meta is None else written_meta, "meta")
    meta = given_meta or ModelMeta()
    stopping = None
    if written.get("early_stopping") is not None:
        stopping = entry.read(EarlyStopping, written["early_stopping"], "early_stopping")
    written.pop("early_stopping", None)
    random_seed = 42 if loaded.experiment is None else loaded.experiment.random_seed
    seeds = _plan_seeds(entry, meta, random_seed)
    if isinstance(written.get("seed"), Mapping):
        del written["seed"]
    cutoffs = () if loaded.evaluation is None else loaded.evaluation.cutoffs
    common = None if loaded.experiment is None else loaded.experiment.validation_metric
    figures = ComputedFigures(metrics, cutoffs, common)
    select_by = figures.select_by(entry, meta)
    monitor = figures.monitor(entry, stopping, select_by)
    for model in find_candidates(entry, written, loaded, external, n_folds):
        points = None
        if given_meta is not None:  # else what it says of the search is not known
            points = plan_points(model.space, entry, meta, random_seed)
        checked = sample_points(model.space) if points is None else points
        configs = _read_configs(model.recommender, checked, entry)
        if given_meta is None or not configs or select_by is None or monitor is None:
            continue
        _check_loaders(configs, declared_loaders(loaded.data_config), entry)
        _check_validation_rate(configs, meta, entry)
        _check_loss(model.recommender, meta, entry)
        _check_sampler(model.recommender, configs, entry)
        n_equal = 0
        if points is not None:  # the configurations are those of the points
            n_listed, points = len(points), _first_of_equals(points, configs)
            n_equal = n_listed - len(points)
        yield ModelPlan(
            name=model.name,
            key=key,
            searched=tuple(model.space.dimensions),
            seeds=seeds,
            meta=meta,
            early_stopping=stopping,
            select_by=select_by,
            monitor=monitor,
            lower_is_better=frozenset(name for name, b in columns.items() if b == "lower"),
            neither_is_better=frozenset(name for name, b in columns.items() if b == "neither"),
            recommender=model.recommender,
            space=model.space,
            points=points,
            n_points=most_points(model.space, meta) if points is None else len(points),
            n_folds=n_folds,
            random_seed=random_seed,
            n_equal=n_equal,
        )


def _first_of_equals(
    points: Sequence[Values], configs: Sequence[RecommenderConfig]
) -> tuple[Values, ...]:
    """Return the points whose typed values differ, such as one of ``1e-3`` and ``"0.001"``."""
    first: dict[str, Values] = {}
    for point, config in zip(points, configs, strict=True):
        first.setdefault(repr(config), point)
    return tuple(first.values())


def _plan_seeds(entry: Entry, meta: ModelMeta, random_seed: int) -> tuple[int, ...]:
    """Return the seeds of every point, from ``meta.seeds`` or ``seed: {repeat: 5}``."""
    if "seed" not in entry.settings:
        return meta.seeds
    seed = entry.settings["seed"]
    if meta.seeds:
        entry.add("cannot be combined with meta.seeds; remove one", "seed")
    if not isinstance(seed, Mapping):
        return meta.seeds
    repeat = entry.read(SeedRepeat, seed, "seed")
    return () if repeat is None else tuple(random_seed + n for n in range(repeat.repeat))


def _read_configs(
    recommender: type[Recommender], points: Sequence[Values], entry: Entry
) -> list[RecommenderConfig]:
    """Return the configuration of each point; nothing if one is invalid."""
    configs, is_valid = [], True
    for point in points:
        try:
            configs.append(recommender.Config.model_validate(point))
        except ValidationError as error:
            entry.problems.add_validation_error(entry.path, error, recommender.Config)
            is_valid = False
    return configs if is_valid else []


def _check_loaders(
    configs: Sequence[RecommenderConfig], declared: Sequence[str] | None, entry: Entry
) -> None:
    """Add a problem for each modality whose loader ``side_information`` does not have."""
    if declared is not None:
        for config in configs:
            if isinstance(config, FeaturesConfig):
                for message in missing_loaders(config.sources, declared):
                    entry.add(message)


def _check_sampler(
    recommender: type[Recommender], configs: Sequence[RecommenderConfig], entry: Entry
) -> None:
    """Add a problem for a sampler that draws no negatives for a model that needs them."""
    for config in configs:
        if not isinstance(config, ModelConfig) or not issubclass(recommender, Model):
            continue
        chosen = config.sampler
        if chosen and not SAMPLERS[chosen].has_negatives and recommender.needs_negatives(config):
            others = [name for name, sampler in SAMPLERS.items() if sampler.has_negatives]
            entry.add(
                f"{chosen} draws no negatives, which {entry.key} needs; accepted: "
                f"{listing(others, len(others))}",
                "sampler",
            )


def _check_loss(recommender: type[Recommender], meta: ModelMeta, entry: Entry) -> None:
    """Add a problem if trials would be selected by a loss that they do not have."""
    if meta.optimize_internal_loss and not issubclass(recommender, Model):
        entry.add(
            f"{entry.key} is not trained by gradient and has no loss; remove this key",
            *("meta", "optimize_internal_loss"),
        )


def _check_validation_rate(
    configs: Sequence[RecommenderConfig], meta: ModelMeta, entry: Entry
) -> None:
    """Add a problem if a trial would end before its first evaluation."""
    for config in configs:
        if isinstance(config, ModelConfig) and meta.validation_rate > config.epochs:
            default = "" if "epochs" in config.model_fields_set else ", the default,"
            entry.add(
                f"found {meta.validation_rate}, but a trial has {config.epochs} epochs{default} "
                "and would never be evaluated; accepted: at most the number of epochs",
                *("meta", "validation_rate"),
            )
