"""Batches of training samples."""

from __future__ import annotations

import pytest
import torch

from mmrec.models import Batch


@pytest.mark.parametrize("negatives", [[6, 2, 5, 2], [[6, 2], [2, 0], [5, 5], [1, 2]]])
def test_each_user_and_item_once_and_the_batch_as_places_among_them(
    negatives: list[int] | list[list[int]],
) -> None:
    batch = Batch(*(torch.tensor(x) for x in ([4, 1, 4, 0], [2, 7, 2, 3], negatives)))

    users, items, places = batch.distinct()

    assert users.tolist() == [0, 1, 4]
    assert items.tolist() == sorted(set(batch.items.tolist()))
    everyone = torch.rand(5, 3), torch.rand(8, 3)
    some = (x.index_select(0, nodes) for x, nodes in zip(everyone, (users, items), strict=True))
    for found, expected in zip(places.of(*some), batch.of(*everyone), strict=True):
        assert torch.equal(found, expected)


def test_a_batch_without_negatives_has_distinct_nodes_too() -> None:
    users, items, places = Batch(torch.tensor([3, 3]), torch.tensor([9, 8])).distinct()

    assert (users.tolist(), items.tolist()) == ([3], [8, 9])
    assert (places.users.tolist(), places.positives.tolist()) == ([0, 0], [1, 0])
    assert places.negatives is None
