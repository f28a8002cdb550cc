"""A small synthetic multimodal data set, the same on every machine.

Users and items have latent factors; users choose items by factors and by popularity, which is
long-tailed. Visual and textual vectors are noisy projections of an item's factors: models that use
them can outperform popularity. Some items have no vector in one modality, as in real catalogues.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mmrec.data.demo_items import write_labels
from mmrec.files import write_atomically

Matrix = npt.NDArray[np.float64]

N_USERS, N_ITEMS, N_TASTES = 400, 500, 8
ITEMS_PER_USER = (8, 40)
WIDTHS = {"image_feat": 48, "text_feat": 32}
NOISE = {"image_feat": 1.0, "text_feat": 0.6}
MISSING_SHARE = 0.02
"""Share of the items without a vector, for each modality."""
SEED = 20231127


@dataclass(frozen=True)
class DemoFiles:
    """The written data set."""

    folder: Path
    n_users: int
    n_items: int
    n_interactions: int


def write_demo(folder: Path) -> DemoFiles:
    """Write ``train.txt``, ``val.txt``, ``test.txt``, ``image_feat/`` and ``text_feat/``.

    ``interactions.txt`` has the rows of all splits, for experiments that split them;
    ``titles.tsv`` and ``pictures.tsv`` have titles and pictures of the items.

    Args:
        folder: created if missing; files of the same names are replaced.

    Raises:
        DataError: Pillow is not installed, or a file cannot be written.
    """
    rng = np.random.default_rng(SEED)
    # Ids with gaps: code must not rely on 0, 1, 2, ...
    item_ids = np.sort(rng.choice(np.arange(1000, 10_000), N_ITEMS, replace=False))
    user_ids = np.sort(rng.choice(np.arange(1, 5_000), N_USERS, replace=False))
    tastes = rng.normal(size=(N_ITEMS, N_TASTES))
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    popularity = -1.1 * np.log(1 + rng.permutation(N_ITEMS))
    for user_id in user_ids:
        for split, items in _user_splits(tastes, popularity, rng).items():
            splits[split].extend(f"{user_id}\t{item_ids[i]}\t1\n" for i in items)
    for split, lines in splits.items():
        write_atomically(folder / f"{split}.txt", "".join(lines))
    rows = [line for lines in splits.values() for line in lines]
    write_atomically(folder / "interactions.txt", "".join(rows))
    for modality, width in WIDTHS.items():
        _write_vectors(folder / modality, modality, width, tastes, item_ids, rng)
    write_labels(folder, tastes, item_ids.tolist())
    return DemoFiles(folder, N_USERS, N_ITEMS, sum(map(len, splits.values())))


def _user_splits(
    tastes: Matrix, popularity: Matrix, rng: np.random.Generator
) -> dict[str, npt.NDArray[np.int64]]:
    """Draw a user's items without replacement; a tenth each for validation and test."""
    user = rng.normal(size=N_TASTES)
    appeal = 1.1 * np.einsum("it,t->i", tastes, user) + popularity
    # The largest values of appeal + Gumbel noise are a draw without replacement from softmax.
    count = int(rng.integers(*ITEMS_PER_USER))
    chosen = rng.permutation(np.argsort(appeal + rng.gumbel(size=N_ITEMS))[-count:])
    held_out = max(1, round(count / 10))
    return {
        "val": chosen[:held_out],
        "test": chosen[held_out : 2 * held_out],
        "train": chosen[2 * held_out :],
    }


def _write_vectors(
    folder: Path,
    modality: str,
    width: int,
    tastes: Matrix,
    item_ids: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> None:
    mixing = rng.normal(size=(N_TASTES, width)) / np.sqrt(N_TASTES)
    vectors = np.einsum("it,tf->if", tastes, mixing)
    vectors += NOISE[modality] * rng.normal(size=vectors.shape)
    # Rounded: processors whose sums differ in the last bit write the same files.
    vectors = np.round(vectors * 256) / 256
    missing = set(rng.choice(N_ITEMS, round(MISSING_SHARE * N_ITEMS), replace=False).tolist())
    for number, item_id in enumerate(item_ids):
        if number not in missing:
            buffer = io.BytesIO()
            np.save(buffer, vectors[number].astype(np.float32))
            write_atomically(folder / f"{item_id}.npy", buffer.getvalue())
