"""Evaluating lists made elsewhere by the data and the protocol of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mmrec.errors import ConfigError, listing, nearest
from mmrec.evaluation import FileEvaluation, evaluate_tables
from mmrec.planning.datasets import tables_of_folds
from mmrec.planning.plan import Plan


def evaluate_by_plan(
    recs: Path,
    plan: Plan,
    *,
    fold: str | None = None,
    metrics: Sequence[str] | None = None,
    cutoffs: Sequence[int] | None = None,
) -> FileEvaluation:
    """Evaluate a file of lists as a run of an experiment evaluates its own.

    Splits, filters, dropped items, relevance threshold and metrics are those of the experiment; its
    models have no effect.

    Args:
        recs: the lists, see :func:`~mmrec.evaluation.read_recommendations`.
        plan: the experiment.
        fold: the name of the fold whose test split is meant; None if there is one.
        metrics: names; by default, all metrics of the experiment, those with settings too.
        cutoffs: lengths at which lists are cut; by default those of the experiment.

    Raises:
        ConfigError: the fold does not exist, or several do and none is given; or as from
            :func:`~mmrec.evaluation.evaluate_file`.
        DataError: a file cannot be used, or the files have no user in common.
        ModelError: a metric needs lists of all candidates, and these are not.
    """
    names = [files.name for files in plan.folds]
    if fold is None and len(names) > 1:
        raise ConfigError(f"the experiment has the folds {listing(names, 20)}; name one of them")
    if fold is not None and fold not in names:
        known = listing([name for name in names if name], 20) or "none"
        raise ConfigError(
            f"the experiment has no fold {fold!r}{nearest(fold, names)}; its folds: {known}"
        )
    place = 0 if fold is None else names.index(fold)
    tables, warnings = next(islice(tables_of_folds(plan), place, None))
    evaluation = plan.experiment.evaluation
    found = evaluate_tables(
        recs,
        tables["train"],
        tables["test"],
        metrics=plan.metrics if metrics is None else metrics,
        cutoffs=evaluation.cutoffs if cutoffs is None else cutoffs,
        relevance_threshold=evaluation.relevance_threshold,
        binarize=plan.experiment.binarize,
        complex_metrics=plan.complex_metrics if metrics is None else (),
    )
    return replace(found, warnings=(*warnings, *found.warnings))
