"""The direct implementations of the benchmark compute what mmrec's models compute."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from published import PUBLISHED, TOOLBOX, build
from torch import Tensor

from mmrec.data import Dataset, Interactions, Vocabulary
from mmrec.models import Batch
from mmrec.models.losses import total_loss
from mmrec.seeding import rng_for

N_USERS, N_ITEMS = 14, 31
WITHOUT_DRAWS: dict[str, dict[str, Any]] = {
    "NGCF": {"node_dropout": 0.0, "message_dropout": 0.0},
    "NGCFM": {"node_dropout": 0.0, "message_dropout": 0.0},
    "SGL": {"ssl_ratio": 0.0},
    "SimGCL": {"eps": 0.0},
    "BM3": {"dropout": 0.0},
    "FREEDOM": {"drop": 0.0},
    "MMGCN": {"factors_multimod": (12, None)},
}
FIXED_PENALTY = ("LightGCNM", "LATTICE")


@pytest.fixture(scope="module")
def direct() -> ModuleType:
    """The package; importing PyG is not free of warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import direct

        return direct


def dataset() -> Dataset:
    """Every user and every item has interactions."""
    rng = np.random.default_rng(1)
    known = rng.random((N_USERS, N_ITEMS)) < 0.15
    known[np.arange(N_ITEMS) % N_USERS, np.arange(N_ITEMS)] = True
    train = Interactions.from_arrays(*known.nonzero(), N_USERS, N_ITEMS)
    users, items = (Vocabulary(map(str, range(n))) for n in (N_USERS, N_ITEMS))
    # Positive features have positive cosines: no row of an item graph has a negative sum.
    features = {
        loader: rng.random((N_ITEMS, width)).astype(np.float32)
        for loader, width in (("VisualAttribute", 9), ("TextualAttribute", 7))
    }
    return Dataset("small", users, items, train, None, train, features)


def gradients(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(x) if x.grad is None else x.grad for name, x in parameters.items()
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_direct_implementation_has_the_loss_and_the_gradients_of_the_model(
    direct: ModuleType, name: str
) -> None:
    data = dataset()
    torch.manual_seed(2)
    changes = WITHOUT_DRAWS.get(name, {})
    if "l_w" in PUBLISHED[name] and name not in FIXED_PENALTY:
        changes = {**changes, "l_w": 0.3}  # a wrong penalty is not lost in the ranking
    model = build(name, data, batch_size=8, **changes)
    theirs = direct.DIRECT[name](dict(model.named_parameters()), model.config, data)
    model.train()
    model.begin_epoch(1, rng_for(1))
    theirs.begin_epoch()
    sampler = model.make_sampler(model.config, data.train)
    batch = Batch.of_epoch(sampler, rng_for(3), torch.device("cpu"))[0]
    negatives = batch.positives if batch.negatives is None else batch.negatives

    loss = total_loss(model.loss(batch))
    loss.backward()
    their_loss = theirs.loss(batch.users, batch.positives, negatives)
    their_loss.backward()

    assert their_loss.item() == pytest.approx(loss.item(), rel=1e-4)
    expected, found = gradients(dict(model.named_parameters())), gradients(theirs.weights)
    assert expected.keys() == found.keys()
    for key, gradient in expected.items():
        scale = gradient.abs().max().item()
        torch.testing.assert_close(
            found[key],
            gradient,
            atol=1e-6 + 1e-4 * scale,
            rtol=1e-4,
            msg=lambda m, k=key: f"{k}: {m}",
        )


@pytest.mark.parametrize("name", TOOLBOX)
def test_the_settings_of_the_toolbox_are_accepted(name: str) -> None:
    model = build(name, dataset(), **TOOLBOX[name])

    assert model.config.model_dump()["variant"] == "mmrec"
