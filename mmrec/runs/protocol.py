"""How the lists of a run are made, evaluated and selected, as its manifest says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmrec.data import Dataset
from mmrec.evaluation import on_hits
from mmrec.planning.plan import Plan
from mmrec.runs.study import Study


def describe_protocol(plan: Plan, dataset: Dataset, studies: Sequence[Study]) -> dict[str, Any]:
    """Return ``protocol`` of the manifest.

    Args:
        plan: the experiment.
        dataset: of the first fold.
        studies: the trials of every model.
    """
    threshold = plan.experiment.evaluation.relevance_threshold
    return {
        "candidates": "all items of the training split that the user has not trained on",
        "cold_items": "held-out items that are not in the training split count as relevant, and "
        "cannot be recommended",
        "relevance": f"held-out interactions with a rating of at least {threshold:g}",
        "relevance_threshold": threshold,
        "averaged_over": "users with at least one relevant held-out item",
        "users_averaged": {
            name: len(np.unique(split.users[split.ratings >= threshold]))
            for name, split in dataset.splits.items()
            if name != "train"
        },
        "selected_on": dataset.selected_on,
        "selected_by": {study.name: study.settings.select_by for study in studies},
        "top_k": plan.experiment.top_k,
        "cutoffs": list(plan.experiment.evaluation.cutoffs),
        "metrics": list(plan.columns),
        "lower_is_better": sorted(x for x, better in plan.columns.items() if better == "lower"),
        "neither_is_better": sorted(x for x, better in plan.columns.items() if better == "neither"),
        "metric_files": metric_files(plan),
        **_cold_protocol(plan, dataset, threshold),
    }


def _cold_protocol(plan: Plan, dataset: Dataset, threshold: float) -> dict[str, Any]:
    """Describe how cold items are ranked; empty if they are not."""
    cold = dataset.cold_items
    if cold is None:
        return {}
    relevant = cold.test.ratings >= threshold
    return {
        "cold": {
            "candidates": {
                "cold": "items with a vector from every loader and without a training row",
                "all": "these, and all items of the training split that the user has not trained "
                "on",
            },
            "items": len(cold),
            "users_averaged": len(np.unique(cold.test.users[relevant])),
            "metrics": list(on_hits(plan.metrics)),
            "reasons": {
                model.name: model.recommender.no_cold_items
                for model in plan.models
                if not model.recommender.ranks_cold_items()
            },
        }
    }


def metric_files(plan: Plan) -> dict[str, str]:
    """Return the SHA-256 of each file that a metric reads, by its key in the experiment."""
    return {
        f"complex_metrics[{place}].{key}": file.sha256
        for place, metric in enumerate(plan.complex_metrics)
        for key, file in metric.files().items()
    }
