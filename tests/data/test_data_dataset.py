"""The frozen data set: its checks, its words and its fingerprint."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from helpers import assert_contains, assert_repeated_elsewhere, interactions, refusal

from mmrec.data import Dataset, FilterReport, Interactions, Vocabulary
from mmrec.errors import DataError


def dataset(**changes: object) -> Dataset:
    """2 users, 3 items, two loaders; some fields changed."""
    fields = {
        "name": "toy",
        "users": Vocabulary(["1", "5"]),
        "items": Vocabulary(["7", "8", "30"]),
        "train": interactions([[1, 1, 0], [0, 0, 1]]),
        "validation": interactions([[0, 0, 1], [0, 0, 0]]),
        "test": interactions([[0, 0, 0], [1, 0, 0]]),
        "features": {
            "VisualAttribute": np.arange(6, dtype=np.float32).reshape(3, 2),
            "TextualAttribute": np.arange(3, dtype=np.float32).reshape(3, 1),
        },
    }
    return Dataset(**(fields | changes))  # type: ignore[arg-type]


def test_sizes_and_words() -> None:
    data = dataset()
    assert (data.n_users, data.n_items) == (2, 3)
    assert repr(data) == (
        "<Dataset toy (2 users x 3 items; train 3, validation 1, test 1; "
        "VisualAttribute 2, TextualAttribute 1)>"
    )
    assert "validation 0" in repr(dataset(validation=None))


def test_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        dataset().name = "other"  # type: ignore[misc]


def test_features_of_a_loader() -> None:
    data = dataset()
    assert data.features_of("TextualAttribute") is data.features["TextualAttribute"]
    assert_contains(
        refusal(DataError, data.features_of, "VisualAtribute"),
        ["'VisualAtribute'", "'VisualAttribute'", "VisualAttribute", "TextualAttribute", "loader"],
    )
    assert_contains(refusal(DataError, dataset(features={}).features_of, "X"), ["'X'", "loader"])


@pytest.mark.parametrize("shape", [(2, 4), (4, 4), (3,), (3, 1, 1)])
def test_every_item_must_have_a_row(shape: tuple[int, ...]) -> None:
    features = {"VisualAttribute": np.zeros(shape, np.float32)}
    with pytest.raises(DataError) as caught:
        dataset(features=features)
    assert_contains(str(caught.value), ["VisualAttribute", "3 items", shape])


def with_rating(split: Interactions, value: float) -> Interactions:
    return replace(split, ratings=np.full(len(split), value))


def with_bit(matrix: np.ndarray) -> np.ndarray:
    """The same matrix with the lowest bit of one value changed."""
    other = matrix.copy()
    other.view(np.uint32)[1, 0] ^= 1
    return other


def changed() -> dict[str, Dataset]:
    """Data sets that differ from `dataset()` in one thing each."""
    base = dataset()
    visual, textual = base.features.values()
    return {
        "user id": dataset(users=Vocabulary(["1", "6"])),
        "item id": dataset(items=Vocabulary(["7", "8", "31"])),
        "train pair": dataset(train=interactions([[1, 0, 1], [0, 0, 1]])),
        "train row": dataset(train=interactions([[1, 1, 0], [0, 1, 1]])),
        "train rating": dataset(train=with_rating(base.train, 2)),
        "train rating bit": dataset(train=with_rating(base.train, np.nextafter(1, 2))),
        "validation pair": dataset(validation=interactions([[0, 0, 0], [0, 1, 0]])),
        "validation rating": dataset(validation=with_rating(base.validation, 2)),  # type: ignore[arg-type]
        "no validation": dataset(validation=None),
        "empty validation": dataset(validation=interactions(np.zeros((2, 3)))),
        "test pair": dataset(test=interactions([[0, 0, 0], [0, 1, 0]])),
        "test rating": dataset(test=with_rating(base.test, 2)),
        "held-out splits exchanged": dataset(validation=base.test, test=base.validation),
        "feature bit": dataset(
            features={"VisualAttribute": with_bit(visual), "TextualAttribute": textual}
        ),
        "feature shape": dataset(
            features={"VisualAttribute": visual[:, :1], "TextualAttribute": textual}
        ),
        "loaders exchanged": dataset(
            features={"VisualAttribute": textual, "TextualAttribute": visual}
        ),
        "loader name": dataset(features={"Visual": visual, "TextualAttribute": textual}),
        "loader left out": dataset(features={"VisualAttribute": visual}),
        "no features": dataset(features={}),
    }


def test_fingerprint_changes_with_everything_a_result_depends_on() -> None:
    fingerprints = {name: data.fingerprint for name, data in changed().items()}
    fingerprints["unchanged"] = dataset().fingerprint
    repeated = {
        name: fingerprint
        for name, fingerprint in fingerprints.items()
        if list(fingerprints.values()).count(fingerprint) > 1
    }
    assert repeated == {}


def differing(one: Dataset, other: Dataset) -> set[str]:
    parts = one.fingerprints.keys() | other.fingerprints.keys()
    return {p for p in parts if one.fingerprints.get(p) != other.fingerprints.get(p)}


def test_every_part_has_a_fingerprint_of_its_own() -> None:
    base = dataset()
    assert list(base.fingerprints) == [
        *("users", "items", "train", "validation", "test", "TextualAttribute", "VisualAttribute")
    ]
    assert "validation" not in dataset(validation=None).fingerprints
    expected = {
        "train pair": {"train"},
        "train rating bit": {"train"},
        "validation pair": {"validation"},
        "no validation": {"validation"},
        "empty validation": {"validation"},
        "test rating": {"test"},
        "held-out splits exchanged": {"validation", "test"},
        "feature bit": {"VisualAttribute"},
        "loader name": {"Visual", "VisualAttribute"},
        "loader left out": {"TextualAttribute"},
    }
    others = changed()
    assert {name: differing(base, others[name]) for name in expected} == expected


def test_fingerprints_of_splits_do_not_depend_on_ids_without_a_row() -> None:
    base = dataset(features={})
    # User 3 and item 6 come before all others, so every number is another one.
    more = dataset(
        features={},
        users=Vocabulary(["1", "3", "5"]),
        items=Vocabulary(["6", "7", "8", "30"]),
        train=interactions([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]),
        validation=interactions([[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]),
        test=interactions([[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]),
    )
    assert differing(base, more) == {"users", "items", "train"}


def test_fingerprints_tell_a_cold_item_from_every_other() -> None:
    cold, warm = (
        dataset(test=Interactions.from_arrays(np.array([0]), np.array([item]), 2, 3))
        for item in (-1, 2)
    )
    assert differing(cold, warm) == {"test"}


def test_a_loader_cannot_have_the_name_of_another_part() -> None:
    with pytest.raises(DataError, match="test: a loader"):
        dataset(features={"test": np.zeros((3, 1), np.float32)})


def test_fingerprint_tells_ids_apart_that_read_alike() -> None:
    # Written without a mark between users and items, both are "1 2 | 34 5".
    one = dataset(users=Vocabulary(["1", "2"]), items=Vocabulary(["34", "5", "60"]))
    other = dataset(users=Vocabulary(["1", "23"]), items=Vocabulary(["4", "5", "60"]))
    assert one.fingerprint != other.fingerprint


def test_fingerprint_is_the_same_for_the_same_content() -> None:
    base = dataset()
    same = dataset(
        name="another name",
        features=dict(reversed(base.features.items())),
        report=FilterReport(users_dropped=3),
    )
    fortran = {name: np.asfortranarray(x) for name, x in base.features.items()}
    assert base.fingerprint == same.fingerprint == dataset(features=fortran).fingerprint
    assert len(base.fingerprint) == 64


def test_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from mmrec.data import Dataset, Interactions, Vocabulary\n"
        "import numpy as np\n"
        "s = Interactions.from_arrays(np.array([0]), np.array([1]), 1, 2)\n"
        "d = Dataset('x', Vocabulary({'b'}), Vocabulary({'z', 'y'}), s, None, s)\n"
        "print(d.fingerprint)"
    )
    assert_repeated_elsewhere(code)
