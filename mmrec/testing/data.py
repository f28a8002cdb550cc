"""Data for tests, and the checking of refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mmrec.data import ColdItems, Dataset, Features, Interactions, Vocabulary
from mmrec.errors import DataError
from mmrec.seeding import rng_for

_N_GROUPS = 3


def tiny_dataset(
    loaders: Sequence[str] = ("VisualAttribute", "TextualAttribute"),
    *,
    n_users: int = 12,
    n_items: int = 18,
    n_features: int = 5,
    seed: int = 0,
) -> Dataset:
    """Return a small synthetic data set that a model can learn; the same for the same arguments.

    Users and items belong to three groups. A user takes every item of the own group: one of them
    is for validation, one for test, the others are for training, and every item is in the
    training of someone. The features of an item are those of its group plus noise.

    Args:
        loaders: names of the loaders whose features it pretends to have read. They have different
            widths, so that a model that mixes modalities up fails.
        n_users: at least 9.
        n_items: at least 9.
        n_features: width of the first loader's features; each further one is wider by 1.
        seed: of the noise.

    Raises:
        DataError: there are fewer than 9 users or items.
    """
    if min(n_users, n_items) < _N_GROUPS**2:
        raise DataError(
            f"expected at least {_N_GROUPS**2} users and items, found {n_users} and {n_items}"
        )
    pairs: dict[str, list[tuple[int, int]]] = {"train": [], "validation": [], "test": []}
    for user in range(n_users):
        own = range(user % _N_GROUPS, n_items, _N_GROUPS)
        place = user // _N_GROUPS % len(own)
        for number, item in enumerate(own):
            after = (number - place) % len(own)
            pairs["validation" if after == 0 else "test" if after == 1 else "train"].append(
                (user, item)
            )
    splits = {
        name: Interactions.from_arrays(
            np.array([user for user, _ in rows]),
            np.array([item for _, item in rows]),
            n_users,
            n_items,
        )
        for name, rows in pairs.items()
    }
    return Dataset(
        name="tiny",
        users=Vocabulary(f"user{number:05d}" for number in range(n_users)),
        items=Vocabulary(str(10 * number + 7) for number in range(n_items)),
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        features={
            loader: _group_features(n_items, n_features + number, rng_for(seed, loader))
            for number, loader in enumerate(loaders)
        },
    )


def cold_copies(dataset: Dataset, items: Sequence[int]) -> ColdItems:
    """Return cold items with the vectors of some trained items, and without test rows."""
    numbers, none = np.asarray(items), np.empty(0, np.int64)
    n_items = dataset.n_items + len(items)
    return ColdItems(
        items=Vocabulary(f"cold{place}" for place in range(len(items))),
        joint_test=Interactions.from_arrays(none, none, dataset.n_users, n_items),
        features={loader: x[numbers] for loader, x in dataset.features.items()},
    )


def _group_features(n_items: int, width: int, rng: np.random.Generator) -> Features:
    groups = np.arange(n_items) % _N_GROUPS
    centres, noise = rng.normal(size=(_N_GROUPS, width)), rng.normal(size=(n_items, width))
    return np.asarray(centres[groups] + noise / 4, np.float32)


def refusal(kind: type[Exception], action: Callable[[], object]) -> str:
    """Return the message of the error that ``action`` has to raise."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"expected a {kind.__name__}, found none")
