"""Seeds by purpose."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from helpers import assert_repeated_elsewhere
from hypothesis import given
from hypothesis import strategies as st
from scripted import CPU, DATA, Epoch, Scripted, protocol
from torch import Tensor

from mmrec.data import Dataset
from mmrec.models import Batch, ModelConfig
from mmrec.seeding import rng_for, seed_for
from mmrec.training.build import build
from mmrec.training.determinism import deterministic
from mmrec.training.trainer import Trainer


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ((42, "init"), 4_458_623_565_092_154_733),
        ((123, "triplets", 1), 1_493_601_487_809_705_003),
        ((123, "triplets", 2), 2_394_832_319_984_592_649),
    ],
)
def test_seeds_are_what_they_have_always_been(
    purpose: tuple[int | str, ...], expected: int
) -> None:
    assert seed_for(*purpose) == expected  # type: ignore[arg-type]


def test_seed_by_hand() -> None:
    # The first eight bytes of the digest, little-endian, halved.
    digest = hashlib.sha256(b"123/triplets/7").digest()
    number = sum(byte << 8 * place for place, byte in enumerate(digest[:8]))
    assert seed_for(123, "triplets", 7) == number // 2


_purposes = st.tuples(
    st.integers(0, 10**9), st.sampled_from(["init", "epoch"]), st.integers(0, 999)
)


@given(one=_purposes, other=_purposes)
def test_seeds_fit_every_generator_and_differ_by_purpose(
    one: tuple[int, str, int], other: tuple[int, str, int]
) -> None:
    assert 0 <= seed_for(*one) < 2**63
    assert (seed_for(*one) == seed_for(*other)) is (one == other)


def test_generators() -> None:
    first = rng_for(1, "triplets", 3).random(4)
    np.testing.assert_array_equal(first, rng_for(1, "triplets", 3).random(4))
    np.testing.assert_array_equal(
        first, np.random.default_rng(seed_for(1, "triplets", 3)).random(4)
    )
    assert not np.array_equal(first, rng_for(1, "triplets", 4).random(4))


TRAINING = """
import hashlib, torch
from mmrec.models.lattice import LATTICE
from mmrec.testing import ModelTests

class Kit(ModelTests):
    model = LATTICE
    config = {"factors": 4, "factors_multimod": 3, "top_k": 4, "cf": "ngcf", "n_ui_layers": 1,
              "ws": (4,), "dl": (0.3,)}

from mmrec.seeding import rng_for, seed_for
outcome = Kit().trained()
state = hashlib.sha256(b"".join(x.numpy().tobytes() for x in outcome.best_state.values()))
print(seed_for(7, "a", 1), rng_for(7, "b").integers(10**9), Kit().dataset().fingerprint)
print(outcome.losses, state.hexdigest(), outcome.best.ranking.items.tolist())
"""


def test_another_process_with_other_hashes_gives_the_same_bits() -> None:
    assert_repeated_elsewhere(TRAINING)


class Drawing(Scripted):
    """Records what it draws at its start, at the start of an epoch, and in a step."""

    script = [Epoch(), Epoch()]  # noqa: RUF012

    def __init__(self, config: ModelConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.drawn: list[object] = [torch.rand(2).tolist()]

    def begin_epoch(self, epoch: int, rng: np.random.Generator) -> None:
        super().begin_epoch(epoch, rng)
        self.drawn.append(rng.random(2).tolist())

    def loss(self, batch: Batch) -> Tensor:
        self.drawn += [torch.rand(2).tolist(), batch.users.tolist(), batch.items.tolist()]
        return super().loss(batch)


def of_torch(seed: int) -> list[float]:
    numbers: list[float] = torch.rand(2, generator=torch.Generator().manual_seed(seed)).tolist()
    return numbers


def test_every_draw_of_a_trial_has_a_seed_of_its_own() -> None:
    config = ModelConfig(seed=9, epochs=2, batch_size=4)
    with deterministic(CPU):
        model = build(Drawing, config, DATA)
        assert isinstance(model, Drawing)
        Trainer(model, config, DATA, protocol(), CPU).run()
    expected: list[object] = [of_torch(seed_for(9, "init"))]
    sampler = model.make_sampler(config, DATA.train)
    for epoch in (1, 2):
        (batch,) = Batch.of_epoch(sampler, rng_for(9, "triplets", epoch), CPU)
        expected += [rng_for(9, "begin_epoch", epoch).random(2).tolist()]
        expected += [of_torch(seed_for(9, "epoch", epoch))]
        expected += [batch.users.tolist(), batch.items.tolist()]
    assert model.drawn == expected
