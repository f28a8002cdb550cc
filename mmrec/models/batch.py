"""A batch of training samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Sampler
from mmrec.errors import ModelError


@dataclass(frozen=True)
class Batch:
    """Training samples of users with items.

    Shapes: B samples, K negatives of each, D width of the embeddings.
    """

    users: Tensor
    """[B] int64."""
    positives: Tensor
    """[B] int64, items that the users have."""
    negatives: Tensor | None = None
    """[B] or [B, K] int64, items that the users do not have; None if the sampler draws none."""

    @classmethod
    def of_epoch(
        cls, sampler: Sampler, rng: np.random.Generator, device: torch.device
    ) -> list[Batch]:
        """Draw the batches of an epoch; the last one may be partial.

        Raises:
            ModelError: the sampler does not draw as many samples as it should.
        """
        samples = sampler.draw_epoch(rng)
        if len(samples.users) != sampler.n_samples:
            raise ModelError(
                f"the sampler {type(sampler).__name__} drew {len(samples.users)} samples, "
                f"expected its n_samples, {sampler.n_samples}"
            )
        columns = [
            torch.from_numpy(column).to(device).split(sampler.batch_size)
            for column in samples
            if column is not None
        ]
        return [cls(*batch) for batch in zip(*columns, strict=True)]

    @property
    def items(self) -> Tensor:
        """The positives followed by the negatives, [B + BK] int64."""
        if self.negatives is None:
            return self.positives
        return torch.cat([self.positives, self.negatives.flatten()])

    def distinct(self) -> tuple[Tensor, Tensor, Batch]:
        """Return each user and each item once, and the batch as places among them.

        What is embedded once instead of every time it occurs takes fewer rows:

            users, items, places = batch.distinct()
            loss = bpr_loss(*places.of(embedded_users, embedded_items))

        Returns:
            [U'] and [I'] int64, ascending, and the places.
        """
        users, user_places = self.users.unique(return_inverse=True)
        items, item_places = self.items.unique(return_inverse=True)
        positives, negatives = item_places.split([len(self), len(item_places) - len(self)])
        if self.negatives is None:
            return users, items, Batch(user_places, positives)
        return users, items, Batch(user_places, positives, negatives.view_as(self.negatives))

    def of(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings of users, positives and negatives.

        Args:
            users: [U, D], embeddings of all users.
            items: [I, D], embeddings of all items.

        Returns:
            [B, D], [B, D], and [B, D] or [B, K, D].

        Raises:
            ModelError: the batch has no negatives.
        """
        negatives = self._negatives()
        rows = items.index_select(0, negatives.flatten()).view(*negatives.shape, items.shape[1])
        return users.index_select(0, self.users), items.index_select(0, self.positives), rows

    def split(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return positives and negatives of the embeddings of :attr:`items`, [B + BK, D].

        Returns:
            [B, D], and [B, D] or [B, K, D].

        Raises:
            ModelError: the batch has no negatives.
        """
        shape = self._negatives().shape
        positive, negative = items.split([len(self), shape.numel()])
        return positive, negative if len(shape) == 1 else negative.view(*shape, -1)

    def _negatives(self) -> Tensor:
        if self.negatives is None:
            raise ModelError(
                "the model needs negatives and its sampler draws none; "
                "accepted: a sampler with negatives, such as UniformUsers or EachInteraction"
            )
        return self.negatives

    def __len__(self) -> int:
        return len(self.users)
