"""How many held-out rows a list can have a hit for."""

from __future__ import annotations

from dataclasses import dataclass

from mmrec.data import Interactions


@dataclass(frozen=True)
class RelevantRows:
    """Numbers of the relevant rows of a held-out split, by why no list can have the item."""

    n_rows: int
    """Relevant rows."""
    n_untrained: int
    """Rows of items outside of the training split."""
    n_trained: int
    """Rows that are also in training, whose items are not ranked for the user."""

    @classmethod
    def of(cls, train: Interactions, held_out: Interactions, threshold: float) -> RelevantRows:
        """Count the rows.

        Args:
            train: the training split.
            held_out: a split with the same numbering.
            threshold: the least rating that is relevant.
        """
        relevant = held_out.ratings >= threshold
        is_warm = relevant & (held_out.items >= 0)
        is_trained = relevant & train.contains(held_out.users, held_out.items)
        return cls(int(relevant.sum()), int((relevant & ~is_warm).sum()), int(is_trained.sum()))

    @property
    def n_reachable(self) -> int:
        """Rows whose item can be in the user's list."""
        return self.n_rows - self.n_untrained - self.n_trained

    def __add__(self, other: RelevantRows) -> RelevantRows:
        return RelevantRows(
            self.n_rows + other.n_rows,
            self.n_untrained + other.n_untrained,
            self.n_trained + other.n_trained,
        )
