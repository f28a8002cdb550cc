"""From an experiment file to its searches, or to all of its problems.

Nothing is trained and no split is read. All trials of a plan are valid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

from mmrec.config import DataConfig, Evaluation, Experiment, Loaded, Problems
from mmrec.data import FoldFiles
from mmrec.errors import ConfigError, ModelError, listing
from mmrec.evaluation import (
    COMPLEX_METRICS,
    METRICS,
    Better,
    ComplexMetric,
    configure,
    find_metric,
    on_hits,
)
from mmrec.features import Loader
from mmrec.models import load_external_module
from mmrec.models.external import PREFIX, ElliotCodeError
from mmrec.models.registry import MODELS
from mmrec.planning.entries import plan_entry
from mmrec.planning.inputs import check_files, plan_folds, plan_loaders
from mmrec.planning.model_plan import ModelPlan
from mmrec.registry import activate_external


@dataclass(frozen=True, eq=False)
class Plan:
    """A valid experiment: its settings, its loaders and its searches."""

    experiment: Experiment
    folds: tuple[FoldFiles, ...]
    """The folds that every trial is run on, and their files; without folds, one."""
    loaders: tuple[Loader, ...]
    metrics: tuple[str, ...]
    """Canonical names, in the order of the file."""
    complex_metrics: tuple[ComplexMetric, ...]
    """The metrics with settings, in the order of the file."""
    models: tuple[ModelPlan, ...]

    @property
    def columns(self) -> dict[str, Better]:
        """The names of the computed figures without cutoffs, and which values are better."""
        return _columns(self.metrics, self.complex_metrics)

    @property
    def n_trials(self) -> int:
        """The number of trials of all models, at most."""
        return sum(model.n_trials for model in self.models)


def make_plan(
    loaded: Loaded, *, use_cache: bool = True, checks: Sequence[Callable[[Loaded], None]] = ()
) -> Plan:
    """Check that everything an experiment names exists, and expand its searches.

    Args:
        loaded: the experiment as it was read.
        use_cache: whether loaders may read packed copies of their files.
        checks: further checks, which add problems; the user's own file is imported before them.

    Raises:
        ConfigError: the experiment is invalid; the message lists every problem.
    """
    problems = loaded.problems
    external = _external_module(loaded)
    for check in checks:
        check(loaded)
    experiment = loaded.experiment
    metrics: tuple[str, ...] = ()
    loaders: tuple[Loader, ...] = ()
    folds: tuple[FoldFiles, ...] = ()
    complex_metrics: tuple[ComplexMetric, ...] = ()
    if loaded.evaluation is not None:
        metrics = _metrics(loaded.evaluation, problems)
        complex_metrics = configure(
            loaded.evaluation.complex_metrics,
            ("experiment", "evaluation", "complex_metrics"),
            problems,
            loaded.context,
        )
    if loaded.data_config is not None:
        check_files(loaded.data_config, problems)
        loaders = plan_loaders(loaded.data_config, problems, use_cache=use_cache)
    if experiment is not None:
        folds = plan_folds(experiment, problems)
    if loaded.evaluation is not None and loaded.data_config is not None:
        _check_candidates(loaded.evaluation, loaded.data_config, metrics, problems)
    columns = _columns(metrics, complex_metrics)
    models = tuple(
        model
        for key in loaded.models
        for model in plan_entry(loaded, key, external, metrics, columns, n_folds=len(folds) or 1)
    )
    sections = {"data_config": loaded.data_config, "evaluation": loaded.evaluation}
    invalid = [name for name, section in sections.items() if section is None]
    problems.raise_if_any(", ".join(f"what {name} names" for name in invalid))
    assert experiment is not None
    return Plan(experiment, folds, loaders, metrics, complex_metrics, models)


def _external_module(loaded: Loaded) -> ModuleType | None:
    path = loaded.external_models_path
    activate_external(None)
    if path is None:
        return None
    try:
        return load_external_module(path)
    except ElliotCodeError as error:
        loaded.problems.add(("experiment", "external_models_path"), str(error))
        return None
    except ModelError as error:
        is_needed = any(name.removeprefix(PREFIX) not in MODELS for name in loaded.models)
        hint = "" if is_needed else "; every model of this experiment is built in: remove this key"
        loaded.problems.add(("experiment", "external_models_path"), f"{error}{hint}")
    # Every other name may be one that the file was to define, so only the paths are checked.
    if loaded.data_config is not None:
        check_files(loaded.data_config, loaded.problems)
        plan_loaders(loaded.data_config, loaded.problems, use_cache=False, skip_unknown=True)
    loaded.problems.raise_if_any("the names in the file, since external_models_path fails")
    return None


def _metrics(evaluation: Evaluation, problems: Problems) -> tuple[str, ...]:
    names = []
    for place, name in enumerate(evaluation.simple_metrics):
        try:
            names.append(find_metric(name).name)
        except ConfigError as error:
            message = str(error)
            if name in COMPLEX_METRICS:
                message = f"{name} has settings; name it in complex_metrics"
            problems.add(("experiment", "evaluation", "simple_metrics", place), message)
    return tuple(dict.fromkeys(names))


def _check_candidates(
    evaluation: Evaluation, data: DataConfig, metrics: Sequence[str], problems: Problems
) -> None:
    """Add a problem if cold items are to be ranked, but have no vectors or no metrics."""
    if evaluation.candidates == "trained":
        return
    place = ("experiment", "evaluation", "candidates")
    if not data.side_information:
        problems.add(
            place,
            "found all, but data_config has no side_information, which it needs; accepted without: "
            "trained",
        )
    if metrics and not on_hits(metrics):
        known = [name for name, metric in METRICS.items() if metric.on_hits]
        problems.add(
            place,
            f"found all, but {listing(metrics)} cannot judge items without training rows; accepted "
            f"with one of: {listing(known, 20)}",
        )


def _columns(metrics: Sequence[str], complex_metrics: Sequence[ComplexMetric]) -> dict[str, Better]:
    columns: dict[str, Better] = {
        name: "higher" if find_metric(name).higher_is_better else "lower" for name in metrics
    }
    for metric in complex_metrics:
        columns |= metric.outputs()
    return columns
