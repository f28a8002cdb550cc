"""Small files in exactly the formats of the Amazon 2014 data."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from prepare_amazon import Sources

WIDTH = 4096


def asin(number: int) -> str:
    return f"B{number:09d}"


def vector(item: int) -> np.ndarray:
    """Small whole numbers, whose mean is exact."""
    return np.random.default_rng(item).integers(-8, 8, WIDTH).astype("<f4")


@dataclass
class Category:
    """Users 0..U-1 who have reviewed items 0..I-1, in groups that a model can learn."""

    reviews: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    images: list[tuple[str, np.ndarray]] = field(default_factory=list)

    @classmethod
    def of(cls, n_users: int = 14, n_items: int = 20, seed: int = 0) -> Category:
        rng = np.random.default_rng(seed)
        category = cls()
        for user in rng.permutation(n_users).tolist():
            own = [item for item in range(n_items) if item % 2 == user % 2]
            for item in rng.permutation(own)[: 5 + user % 6].tolist():
                category.reviews.append(
                    {
                        "reviewerID": f"A{97 * user % 1000:03d}",
                        "asin": asin(item),
                        "reviewerName": 'O\'Neil "x"',
                        "reviewText": "Great.\nReally\tgreat",
                        "overall": float(1 + item % 5),
                        "unixReviewTime": 1_300_000_000 + user,
                    }
                )
        rng.shuffle(category.reviews)
        for item in rng.permutation(n_items + 3).tolist():  # some that nobody has reviewed
            category.products.append(
                {
                    "asin": asin(item),
                    "title": f"Pen {item}'s\ttitle",
                    "categories": [["Office", f"Pens {item % 2}"], ["Blue \u00e9"]],
                    "brand": "Bic",
                    "description": "Writes\n well",
                    "price": 1.5,
                    "related": {"also_bought": [asin(0)]},
                }
            )
            category.images.append((asin(item), vector(item)))
        return category

    def write(self, folder: Path) -> Sources:
        folder.mkdir(parents=True, exist_ok=True)
        return Sources(
            write_gz(folder / "reviews_X_5.json.gz", map(json.dumps, self.reviews)),
            write_gz(folder / "meta_X.json.gz", map(repr, self.products)),
            write_images(folder / "image_features_X.b", self.images),
        )

    def product(self, item: int) -> dict[str, Any]:
        return next(product for product in self.products if product["asin"] == asin(item))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(review["reviewerID"], review["asin"]) for review in self.reviews]


def write_gz(path: Path, lines: Iterable[str]) -> Path:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return path


def write_images(path: Path, images: Sequence[tuple[str, np.ndarray]]) -> Path:
    with path.open("wb") as file:
        for name, numbers in images:
            file.write(name.encode().ljust(10) + numbers.astype("<f4").tobytes())
    return path


class StubEncoder:
    """Counts letters; remembers what it was given."""

    settings: Mapping[str, str] = {"text_model": "letters"}

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def read(self, content: bytes) -> str:
        return content.decode().strip()

    def encode(self, inputs: Sequence[str]) -> np.ndarray:
        self.batches.append(list(inputs))
        return np.array([[text.count(letter) for letter in "aeiou"] for text in inputs], np.float32)
