"""The cold items of an experiment, and which of its models rank them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from mmrec.config import Evaluation
from mmrec.data import AlignedSplits, Dataset
from mmrec.errors import DataError, listing
from mmrec.features import Loader
from mmrec.planning.plan import Plan
from mmrec.text import counted

_KEY = "evaluation.candidates: all"


def items_with_vectors(evaluation: Evaluation, loaders: Sequence[Loader]) -> Collection[str]:
    """Return the ids of the items with a vector from every loader; none if none is ranked cold."""
    if evaluation.candidates == "trained":
        return ()
    first, *others = (loader.items() for loader in loaders)
    return set(first).intersection(*others)


def check_cold_items(plan: Plan, aligned: AlignedSplits) -> None:
    """Check that there are cold items to rank, and that a list of them can have a hit.

    Raises:
        DataError: there is no cold item, or none is relevant to a user.
    """
    if plan.experiment.evaluation.candidates == "trained":
        return
    cold = aligned.cold_items
    if cold is None:
        names = listing(loader.name for loader in plan.loaders)
        raise DataError(
            f"{_KEY}: there are no cold items: every item with a vector from {names} has a "
            "training row; write 'candidates: trained'"
        )
    threshold = plan.experiment.evaluation.relevance_threshold
    if not (cold.test.ratings >= threshold).any():
        raise DataError(
            f"{_KEY}: no relevant row of the test split is of a cold item, so no list of them can "
            f"have a hit; {counted(len(cold), 'cold item')}: {listing(cold.items.ids, 3)}; write "
            "'candidates: trained'"
        )


def cold_sizes(dataset: Dataset) -> Iterator[str]:
    """Yield a line on the cold items of a fold; none if none is ranked."""
    if dataset.cold_items is not None:
        rows = dataset.cold_items.test
        yield (
            f"{counted(len(dataset.cold_items), 'cold item')}, with vectors and without a training "
            f"row; {counted(len(rows), 'test row')} of "
            f"{counted(len(np.unique(rows.users)), 'user')}"
        )


def cold_models(plan: Plan) -> Iterator[str]:
    """Yield lines on the models that rank cold items, and why others do not."""
    if plan.experiment.evaluation.candidates == "trained":
        return
    able = [model.name for model in plan.models if model.recommender.ranks_cold_items()]
    yield f"cold items are ranked by: {', '.join(able) or 'no model'}"
    for model in plan.models:
        if not model.recommender.ranks_cold_items():
            yield f"{model.name} cannot rank cold items: {model.recommender.no_cold_items}"
