"""How much of the differences between the points of a search each hyper-parameter explains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mmrec.errors import DataError
from mmrec.reporting.run_tables import make_frame
from mmrec.runs.study import Study
from mmrec.text import counted, is_number

if TYPE_CHECKING:
    import pandas as pd
    from optuna.distributions import BaseDistribution

FANOVA = "fANOVA"
VARIANCE = "one-way variance"
LEAST_POINTS = 10
"""With fewer points, the importance is not computed."""
MOST_POINTS = 200
"""With more points, fANOVA would take ten seconds and more; the variances need no model there."""
_MOST_GROUPS = 4
"""Groups of a number that has nearly as many values as there are points."""
_PER_LEVEL = 2
"""Points for each level at least, on average; else the levels of a number are grouped."""


@dataclass(frozen=True)
class Importance:
    """The importance of the hyper-parameters of one model."""

    method: str
    """:data:`FANOVA` or :data:`VARIANCE`."""
    n_points: int
    """The points with a value that it was computed from."""
    shares: Mapping[str, float | None]
    """The share of the variance of the points' values that each parameter explains alone, the
    largest first; None where it is not known, for a parameter with a value of its own for nearly
    every point."""


def importance_of(study: Study) -> Importance:
    """Return the importance of the hyper-parameters of a model that were tried at several values.

    The points' values are those that they are selected by: means over folds and seeds where there
    are several. Points that failed or were pruned do not count. With Optuna and scikit-learn, and
    up to :data:`MOST_POINTS` points, it is that of fANOVA (Hutter, Hoos and Leyton-Brown, ICML
    2014) with a fixed seed. Otherwise it is the variance between the means of the parameter's
    values, divided by the variance of all points (the correlation ratio). With the same packages,
    the same records give the same shares.

    Raises:
        DataError: the search is too small; the message says why.
    """
    points = sorted(study.ranked_points, key=lambda trials: trials[0].index)
    known = [
        (trials[0].parameters, value)
        for trials in points
        if (value := study.point_value(trials)) is not None
    ]
    parameters = [parameters for parameters, _ in known]
    values = [value for _, value in known]
    names = [n for n in study.tried if len({repr(p.get(n)) for p in parameters}) > 1]
    if len(study.tried) < 2:
        raise DataError("it needs two hyper-parameters with several values")
    if len(known) < LEAST_POINTS:
        finished = counted(len(known), "point")
        raise DataError(f"it needs {LEAST_POINTS} finished points, and there are {finished}")
    if len(names) < 2 or len(set(values)) == 1:
        raise DataError("the finished points do not differ enough")
    columns = {name: [p.get(name) for p in parameters] for name in names}
    shares: Mapping[str, float | None]
    has_fanova = len(known) <= MOST_POINTS and all(map(find_spec, ("optuna", "sklearn")))
    shares = _fanova(columns, values) if has_fanova else _variance(columns, values)
    ordered = sorted(names, key=lambda name: -(shares[name] or 0.0))
    method = FANOVA if has_fanova else VARIANCE
    return Importance(method, len(known), {name: shares[name] for name in ordered})


def importance_frame(importances: Mapping[str, Importance]) -> pd.DataFrame:
    """Return ``importance.tsv``: a row for each hyper-parameter of each model.

    Args:
        importances: by model.
    """
    return make_frame(
        [
            {
                "model": model,
                "parameter": name,
                "importance": share,
                "method": found.method,
                "points": found.n_points,
            }
            for model, found in importances.items()
            for name, share in found.shares.items()
        ]
    )


def _fanova(columns: Mapping[str, Sequence[Any]], values: Sequence[float]) -> dict[str, float]:
    """Return the main effects of fANOVA.

    A number is represented by its place among the values tried, so that each of them counts the
    same, whatever the scale that it was searched on.
    """
    from optuna import create_study, logging
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.samplers import RandomSampler
    from optuna.trial import create_trial

    places: dict[str, list[int]] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name, column in columns.items():
        levels, places[name] = _placed(column)
        distributions[name] = (
            FloatDistribution(-0.5, len(levels) - 0.5)
            if all(map(is_number, levels))
            else CategoricalDistribution(range(len(levels)))
        )
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        study = create_study(sampler=RandomSampler(seed=0))
        for number, value in enumerate(values):
            point = {name: column[number] for name, column in places.items()}
            study.add_trial(create_trial(params=point, distributions=distributions, value=value))
        found = FanovaImportanceEvaluator(seed=0).evaluate(study)
    finally:
        logging.set_verbosity(verbosity)
    return {name: float(found[name]) for name in columns}


def _variance(
    columns: Mapping[str, Sequence[Any]], values: Sequence[float]
) -> dict[str, float | None]:
    """Return the share of the variance between the values of each parameter."""
    mean = fmean(values)
    total = sum((value - mean) ** 2 for value in values)
    shares: dict[str, float | None] = {}
    for name, column in columns.items():
        groups = _groups(column)
        if groups is None:
            shares[name] = None
            continue
        members = defaultdict(list)
        for group, value in zip(groups, values, strict=True):
            members[group].append(value)
        between = sum(len(group) * (fmean(group) - mean) ** 2 for group in members.values())
        shares[name] = between / total
    return shares


def _groups(column: Sequence[Any]) -> list[int] | None:
    """Return the group of each value; None if there are too many levels to be compared.

    Each level is a group. The levels of a number that has too many of them are joined to groups
    of about equal size, neighbours together.
    """
    levels, places = _placed(column)
    if len(column) >= _PER_LEVEL * len(levels):
        return places
    if not all(map(is_number, levels)):
        return None
    before = [sum(other < place for other in places) for place in range(len(levels))]
    return [before[place] * _MOST_GROUPS // len(column) for place in places]


def _placed(column: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Return the different values in their order, and the place of each value among them."""
    different = list({repr(value): value for value in column}.values())
    levels = sorted(different, key=None if all(map(is_number, different)) else repr)
    place_of = {repr(level): place for place, level in enumerate(levels)}
    return levels, [place_of[repr(value)] for value in column]
