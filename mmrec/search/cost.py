"""Points of a search that cost alike: which of them to measure, and what the others are worth."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mmrec.models import RecommenderConfig

Cost = tuple[tuple[str, object], ...]
"""Names and values of the hyper-parameters that the time and the memory of a trial depend on;
equal for points that cost alike."""

_COUNTED_APART = ("seed", "epochs")


def cost_of(config: RecommenderConfig) -> Cost:
    """Return what decides how much work a build, a step and an evaluation are.

    Real numbers do not: a learning rate, a weight or a share is computed with, whatever its value.
    Neither does the seed; epochs are counted apart.
    """
    return tuple(
        (name, value if isinstance(value, int) else repr(value))
        for name, value in config.model_dump().items()
        if name not in _COUNTED_APART and not _is_real(value)
    )


def _is_real(value: object) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(map(_is_real, value))
    return isinstance(value, float)


class CostSpace:
    """How far the points of a search are from each other in what they cost.

    Hyper-parameters count alike. Whole numbers are as far from each other as their places among
    the numbers tried, other values as far as can be; so no measure of the one is needed to
    compare it with the other.

    Args:
        costs: of all points.
    """

    def __init__(self, costs: Sequence[Cost]) -> None:
        self.costs = list(dict.fromkeys(costs))
        self._places: dict[str, dict[object, float]] = {}
        for name in dict(self.costs[0]) if self.costs else ():
            values = {dict(cost)[name] for cost in self.costs}
            numbers = sorted(value for value in values if isinstance(value, int))
            if len(numbers) == len(values):
                last = max(1, len(numbers) - 1)
                self._places[name] = {value: place / last for place, value in enumerate(numbers)}

    def told(self, cost: Cost) -> str:
        """Return what tells a cost from the others, such as ``factors 64, n_layers 2``."""
        return ", ".join(
            f"{name} {value}"
            for place, (name, value) in enumerate(cost)
            if any(other[place] != (name, value) for other in self.costs)
        )

    def distance(self, one: Cost, other: Cost) -> float:
        """Return the sum over the hyper-parameters of 0 for equal values and at most 1."""
        total = 0.0
        for (name, a), (_, b) in zip(one, other, strict=True):
            places = self._places.get(name)
            total += abs(places[a] - places[b]) if places else float(a != b)
        return total

    def spread_out(self, first: Cost, limit: int) -> list[Cost]:
        """Return up to so many costs: the first, then always the one farthest from all before."""
        chosen = [first]
        while len(chosen) < min(limit, len(self.costs)):
            rest = [cost for cost in self.costs if cost not in chosen]
            chosen.append(max(rest, key=lambda c: min(self.distance(c, x) for x in chosen)))
        return chosen

    def weights(self, cost: Cost, measured: Collection[Cost]) -> dict[Cost, float]:
        """Return the share of each measured cost in what is expected of one; in all 1.

        A measured one counts as itself, another by the inverse square of the distances.
        """
        if cost in measured:
            return {cost: 1.0}
        shares = {other: self.distance(cost, other) ** -2 for other in measured}
        total = sum(shares.values())
        return {other: share / total for other, share in shares.items()}
