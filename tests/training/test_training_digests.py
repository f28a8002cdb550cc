"""Digests: equal for equal bits, different for anything else."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from scripted import Epoch, run
from torch import Tensor

from mmrec.evaluation import Ranking
from mmrec.training.digests import digest_of_ranking, digest_of_state


def state(**changes: Tensor) -> dict[str, Tensor]:
    return {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1)} | changes


def test_the_digest_of_a_state_is_that_of_the_digests_of_its_pieces() -> None:
    # Names, types and shapes stand before the bytes, in the order of the names.
    large = np.arange(1 << 20, dtype=np.float32)  # a piece and a bit
    large = np.append(large, np.float32(7))
    pieces = [
        *(b"atorch.float32(2, 3)", np.arange(6, dtype=np.float32).tobytes()),
        *(b"btorch.int64()", np.array(1).tobytes()),
        *(b"ctorch.float32(1048577,)", large[:-1].tobytes(), large[-1:].tobytes()),
    ]
    reported = "".join(hashlib.sha256(piece).hexdigest() for piece in pieces)
    expected = hashlib.sha256(reported.encode()).hexdigest()
    threads = torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            assert digest_of_state(state(c=torch.from_numpy(large))) == expected
    finally:
        torch.set_num_threads(threads)


def test_the_digest_of_a_state_changes_with_every_part_of_it() -> None:
    flipped = state()["a"].clone()
    flipped.view(torch.int32)[1, 2] ^= 1
    states = [
        state(),
        state(a=flipped),
        state(a=state()["a"].reshape(3, 2)),
        state(a=state()["a"].view(torch.int32)),
        state(b=torch.tensor(0)),
        state(c=torch.zeros(0)),
        {"a": state()["a"], "c": torch.tensor(1)},
    ]
    assert len({digest_of_state(each) for each in states}) == len(states)


def test_the_digest_of_a_state_does_not_depend_on_its_layout() -> None:
    a = state()["a"]
    laid_out = state(a=a.T.contiguous().T.requires_grad_())
    assert digest_of_state(dict(reversed(laid_out.items()))) == digest_of_state(state())


def test_types_unknown_to_numpy_have_a_digest() -> None:
    one, other = torch.ones(2, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)
    assert digest_of_state({"a": one}) != digest_of_state({"a": other})


def test_the_digest_of_lists_changes_with_an_item_a_score_and_their_shape() -> None:
    items = np.array([[1, 2], [3, 4]])
    scores = np.array([[2, 1], [2, 1]], np.float32)
    nearly = np.nextafter(scores, np.float32(0), dtype=np.float32)
    rankings = [
        Ranking(items, scores),
        Ranking(items[::-1], scores),
        Ranking(items, nearly),
        Ranking(items.reshape(1, 4), scores.reshape(1, 4)),
    ]
    assert len({digest_of_ranking(each) for each in rankings}) == len(rankings)
    assert digest_of_ranking(Ranking(np.asfortranarray(items), scores)) == digest_of_ranking(
        rankings[0]
    )


def test_every_evaluated_epoch_has_the_digest_of_its_weights_and_lists() -> None:
    script = [Epoch(validation=n) for n in (1, 3, 3)]
    outcome, model = run(script)
    first, best, last = outcome.history
    assert outcome.best_state is not None
    assert best.weights_sha256 == digest_of_state(outcome.best_state)
    assert best.lists_sha256 == digest_of_ranking(outcome.best.ranking)
    assert last.weights_sha256 == digest_of_state(model.state_dict())
    assert last.lists_sha256 == best.lists_sha256 != first.lists_sha256
    assert len({record.weights_sha256 for record in outcome.history}) == 3
