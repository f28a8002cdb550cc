"""Warnings on models that were selected by figures that are all 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add

import numpy as np

from mmrec.data import Dataset
from mmrec.errors import listing
from mmrec.evaluation.reachable import RelevantRows
from mmrec.planning.plan import Plan
from mmrec.runs.study import Study
from mmrec.text import counted
from mmrec.training.objective import LOSS


def zero_notes(plan: Plan, datasets: Sequence[Dataset], studies: Sequence[Study]) -> Iterator[str]:
    """Yield a warning if all figures that select are 0, of all models or of one.

    The first of equal trials and epochs is selected, so the choice means nothing. A model that is
    not selected from several trials or epochs is only named if all models have such figures.

    Args:
        plan: the experiment.
        datasets: its data, one for each fold.
        studies: the trials of every model.
    """
    scored = [study for study in studies if study.best is not None and _needs_hits(study)]
    zero = [study for study in scored if _figures(study) == {0.0}]
    if not zero:
        return
    split = datasets[0].selected_on
    counts = _counts(plan, datasets, split)
    if len(zero) == len(scored):
        names = ", ".join(dict.fromkeys(study.objective.title(split) for study in zero))
        yield (
            f"{names} is 0 in all trials of all models, so every selection is that of the first "
            f"trial and epoch: {counts}. Do the ids of {split} match those of training, and is the "
            "cutoff large enough?"
        )
        return
    for study in zero:
        n_epochs = sum(len(record.history) for record in study.records)
        if n_epochs > 1:
            yield (
                f"{study.name}: {study.objective.title(split)} is 0 in all "
                f"{counted(n_epochs, 'evaluation')} of its {counted(len(study.records), 'trial')}, "
                f"so the selected trial and epoch are only the first: {counts}. Other models have "
                "hits, so its hyper-parameters may be the reason"
            )


def _needs_hits(study: Study) -> bool:
    """Return whether the model is selected by a figure that hits increase."""
    return study.objective.label != LOSS and study.objective.higher_is_better


def _figures(study: Study) -> set[float | None]:
    """Return the values of all evaluated epochs that the model is selected by."""
    label = study.objective.label
    return {epoch["validation"].get(label) for record in study.records for epoch in record.history}


def _counts(plan: Plan, datasets: Sequence[Dataset], split: str) -> str:
    """Return what limits the hits: ids, candidates and cutoffs, over all folds."""
    threshold = plan.experiment.evaluation.relevance_threshold
    rows = reduce(
        add, (RelevantRows.of(one.train, one.held_out[split], threshold) for one in datasets)
    )
    reports = [one.report.splits[split] for one in datasets if split in one.report.splits]
    dropped = [
        f"{n:,} {why}"
        for n, why in (
            (sum(report.unknown_users for report in reports), "of unknown users"),
            (sum(report.without_features for report in reports), "of items without a vector"),
        )
        if n
    ]
    degrees = np.concatenate([one.train.user_degrees for one in datasets])
    n_candidates = max(one.n_items for one in datasets) - degrees.mean()
    cutoffs = ", ".join(map(str, plan.experiment.evaluation.cutoffs))
    return (
        f"of {counted(rows.n_rows, 'relevant row')} of {split}"
        f"{f' (without {listing(dropped)})' if dropped else ''}, "
        f"{rows.n_untrained:,} are of items that were not trained on and {rows.n_trained:,} are "
        f"also in training, so {rows.n_reachable:,} can be hit; a list of {cutoffs} is chosen from "
        f"about {round(n_candidates):,} candidates"
    )
