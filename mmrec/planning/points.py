"""The points of a search that are known before it starts, and a sample of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np

from mmrec.config import Choice, Dimension, ModelMeta, Space
from mmrec.installation import install_hint
from mmrec.planning.entry import Entry
from mmrec.seeding import rng_for

Values = Mapping[str, Any]
"""The hyper-parameters of one point, before the configuration of the model reads them."""

MAX_CHECKED = 1000
"""Up to this number of combinations, all points are checked before a search by ``tpe``."""


def plan_points(
    space: Space, entry: Entry, meta: ModelMeta, random_seed: int
) -> tuple[Values, ...] | None:
    """Return the points of a grid or of a random search, in order.

    Returns:
        The points; None for a search that proposes them from earlier results.
    """
    algorithm, limit = meta.hyper_opt_alg, meta.hyper_max_evals
    if algorithm == "tpe" and find_spec("optuna") is None:
        message = f"'tpe' needs the package optuna: {install_hint('search')}"
        entry.add(message, "meta", "hyper_opt_alg")
    if not is_drawn(space, meta):
        return tuple(islice(space.grid(), limit))
    if limit is None and space.dimensions and not (algorithm == "tpe" and space.is_finite):
        kind = "tpe search over a distribution" if algorithm == "tpe" else "random search"
        entry.add(f"a {kind} needs hyper_max_evals, the number of its points", "meta")
    if algorithm == "tpe" and space.dimensions:
        return None
    rng = rng_for(random_seed, "search", entry.key)
    return tuple(_drawn_points(space, limit or 1, rng))


def is_drawn(space: Space, meta: ModelMeta) -> bool:
    """Return whether the points are drawn at random.

    Elliot's grid samples distributions too, so a file may ask ``grid`` for one.
    """
    return meta.hyper_opt_alg != "grid" or not space.is_finite


def _drawn_points(space: Space, limit: int, rng: np.random.Generator) -> Iterator[Values]:
    """Yield random points, each once; a small space may have fewer than ``limit``."""
    drawn: set[str] = set()
    for _ in range(limit):
        if space.is_finite and len(drawn) == space.size:
            return
        point = space.draw(rng)
        if repr(point) not in drawn:
            drawn.add(repr(point))
            yield point


def sample_points(space: Space) -> tuple[Values, ...]:
    """Return points that show whether any point of a space is valid.

    All points if there are at most :data:`MAX_CHECKED` combinations of listed values; else every
    option and the bounds of every distribution once. A normal distribution has no bounds; its
    quartiles are used.
    """
    if space.is_finite and space.size <= MAX_CHECKED:
        return tuple(space.grid())
    ends = {name: _ends(dimension) for name, dimension in space.dimensions.items()}
    middle = {name: values[len(values) // 2] for name, values in ends.items()}
    return tuple(
        space.point(middle | {name: value}) for name, values in ends.items() for value in values
    )


def _ends(dimension: Dimension) -> list[Any]:
    if isinstance(dimension, Choice):
        return list(dimension.options)
    shares = (0.25, 0.5, 0.75) if dimension.is_normal else (0.0, 0.5, 1.0)
    return [dimension.at(share) for share in shares]


def most_points(space: Space, meta: ModelMeta) -> int:
    """Return the largest number of points of a search that proposes them."""
    limit = meta.hyper_max_evals
    if not space.is_finite:
        return limit or 1  # already reported as missing
    return space.size if limit is None else min(limit, space.size)
