"""Cold items: items that have vectors, but no training row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mmrec.data.interactions import Interactions
from mmrec.data.permuted import Features, PermutedFeatures
from mmrec.data.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class ColdItems:
    """The items with a vector from every loader and without a training row.

    Shapes: C cold items, I trained items, U users, F features.
    """

    items: Vocabulary
    """Their ids; internal numbers run from 0 to C-1."""
    joint_test: Interactions
    """The test split, in which the cold items have the numbers I to I+C-1."""
    features: Mapping[str, Features] = field(default_factory=lambda: MappingProxyType({}))
    """By loader name, [C, F] float32; empty until they are loaded."""

    def __len__(self) -> int:
        return len(self.items)

    @property
    def n_trained(self) -> int:
        """I, the number of trained items."""
        return self.joint_test.n_items - len(self)

    @property
    def test(self) -> Interactions:
        """The test rows of the cold items alone, with their numbers 0 to C-1."""
        rows = self.joint_test
        is_cold = rows.items >= self.n_trained
        return Interactions.from_arrays(
            rows.users[is_cold],
            rows.items[is_cold] - self.n_trained,
            rows.n_users,
            len(self),
            rows.ratings[is_cold],
        )

    def view(self, loaders: Iterable[str], permuted_by: int | None) -> ColdItems:
        """Return the same items with the features of some loaders, in their order.

        Args:
            loaders: names of loaders that the items have features of.
            permuted_by: the seed of a permutation that gives every cold item the vectors of
                another cold item; None for none.
        """
        chosen: Mapping[str, Features] = MappingProxyType(
            {name: self.features[name] for name in loaders if name in self.features}
        )
        if permuted_by is not None:
            chosen = PermutedFeatures(chosen, len(self), permuted_by)
        return replace(self, features=chosen)
