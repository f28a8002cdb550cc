"""The points of a search that are known before it starts, and those that stand for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from mmrec.config import Choice, Dimension, ModelMeta, Space

Values = Mapping[str, Any]
"""The hyper-parameters of one point as the file means them, not yet read by the model."""

MAX_CHECKED = 1000
"""Up to so many combinations of listed values are all checked before a search by ``tpe``."""


def is_drawn(space: Space, meta: ModelMeta) -> bool:
    """Say whether the points are random draws.

    Elliot's grid samples too, so a file may ask ``grid`` for a distribution; the run says so.
    """
    return meta.hyper_opt_alg != "grid" or not space.is_finite


def grid_points(space: Space, limit: int | None) -> Iterator[Values]:
    """Yield the points of a grid, in the order of the file."""
    yield from islice(space.grid(), limit)


def drawn_points(space: Space, limit: int, rng: np.random.Generator) -> Iterator[Values]:
    """Yield random points, each once; a small space may give fewer than ``limit``."""
    drawn = set()
    for _ in range(limit):
        point = space.draw(rng)
        if repr(point) not in drawn:
            drawn.add(repr(point))
            yield point


def probes(space: Space) -> Iterator[Values]:
    """Yield points that show whether an algorithm may propose any point of the space.

    All points if they are few lists of values, else every option and the bounds of every
    distribution once. A normal distribution has no bounds; its quartiles stand for it.
    """
    if space.is_finite and space.size <= MAX_CHECKED:
        yield from space.grid()
        return
    ends = {name: _ends(dimension) for name, dimension in space.dimensions.items()}
    middle = {name: values[len(values) // 2] for name, values in ends.items()}
    for name, values in ends.items():
        for value in values:
            yield space.point(middle | {name: value})


def _ends(dimension: Dimension) -> list[Any]:
    if isinstance(dimension, Choice):
        return list(dimension.options)
    shares = (0.25, 0.5, 0.75) if dimension.is_normal else (0.0, 0.5, 1.0)
    return [dimension.at(share) for share in shares]


def most_points(space: Space, meta: ModelMeta) -> int:
    """Return how many points a search that proposes them comes to, at most."""
    limit = meta.hyper_max_evals
    if not space.is_finite:
        return limit or 1  # that it is missing has been said
    return space.size if limit is None else min(limit, space.size)
