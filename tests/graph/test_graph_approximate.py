"""Approximate neighbours against the exact ones; in CI, where faiss is installed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmrec.graph import approximate_neighbours, nearest_neighbours
from mmrec.models import configs
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.testing.data import tiny_dataset


def clustered(n_rows: int, n_clusters: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(n_clusters, 16, generator=generator)
    which = torch.randint(n_clusters, (n_rows,), generator=generator)
    return centres[which] + 0.3 * torch.randn(n_rows, 16, generator=generator)


def test_most_neighbours_are_the_exact_ones() -> None:
    x = clustered(3000)
    exact, cosines = nearest_neighbours(x, 10)
    found, similarities = approximate_neighbours(x, 10)
    assert (found.shape, found.dtype) == (exact.shape, torch.int64)
    shared = (exact[:, :, None] == found[:, None, :]).any(2).float().mean()
    assert shared > 0.9
    torch.testing.assert_close(found[:, 0], torch.arange(3000))  # itself first
    same = exact == found
    torch.testing.assert_close(similarities[same], cosines[same])
    assert similarities.diff(dim=1).le(0).all()


def test_the_same_bits_every_time() -> None:
    x = clustered(2000)
    first = approximate_neighbours(x, 10)
    for _ in range(3):
        for one, other in zip(first, approximate_neighbours(x, 10), strict=True):
            assert torch.equal(one, other)


def test_a_row_alone_in_its_cells_is_its_own_neighbour() -> None:
    x = torch.eye(50)
    found, similarities = approximate_neighbours(x, 20)
    filled = similarities == 0
    own = torch.arange(50)[:, None].expand_as(found)
    assert filled.any()
    assert ((found >= 0) & (found < 50)).all()
    assert torch.equal(found[:, 0], own[:, 0])
    assert (similarities[:, 0] == 1).all()


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_more_neighbours_than_rows(n_rows: int) -> None:
    found, _ = approximate_neighbours(torch.eye(n_rows), 20)
    assert found.shape == (n_rows, n_rows)


def test_lattice_on_approximate_neighbours_learns() -> None:
    config = LATTICEConfig.model_validate({"neighbours": "approximate", "top_k": 4, "factors": 4})
    model = LATTICE(config, tiny_dataset())
    users, items = model.embed()
    (users.sum() + items.sum()).backward()
    assert all(x.grad is not None for x in model.features.raw.values())


def test_without_faiss_the_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "has_approximate_neighbours", lambda: False)
    with pytest.raises(ValueError, match=r"approximate needs faiss: pip install .*'\.\[ann\]'"):
        LATTICEConfig.model_validate({"neighbours": "approximate"})
