"""The quick Adam against torch's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Adam

from mmrec.models.adam import QuickAdam


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [nn.Parameter(torch.randn(n, 3, generator=generator)) for n in (5, 1, 4)]


def take_steps(optimizer: Adam, trained: list[nn.Parameter], first: int, last: int) -> None:
    """Take steps in which the second parameter has a gradient every other time only."""
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for place, parameter in enumerate(trained):
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = None if place == 1 and step % 2 else gradient
        optimizer.step()


def assert_same_state(one: Adam, other: Adam) -> None:
    states = [optimizer.state_dict()["state"] for optimizer in (one, other)]
    assert states[0].keys() == states[1].keys()
    for place, state in states[0].items():
        assert {k: x.tolist() for k, x in state.items()} == {
            k: x.tolist() for k, x in states[1][place].items()
        }


def both(weight_decay: float = 0.0) -> tuple[list[nn.Parameter], Adam, list[nn.Parameter], Adam]:
    ours, theirs = parameters(), parameters()
    quick = QuickAdam(ours, lr=0.1, weight_decay=weight_decay)
    return ours, quick, theirs, Adam(theirs, lr=0.1, weight_decay=weight_decay, fused=True)


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_steps_have_the_bits_of_torch(weight_decay: float) -> None:
    ours, quick, theirs, adam = both(weight_decay)
    for first, lr in ((1, 0.1), (4, 0.02)):
        for optimizer in (quick, adam):
            optimizer.param_groups[0]["lr"] = lr
        take_steps(quick, ours, first, first + 3)
        take_steps(adam, theirs, first, first + 3)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
    assert_same_state(quick, adam)


def test_the_state_is_that_of_torch() -> None:
    ours, quick, theirs, adam = both()
    take_steps(quick, ours, 0, 2)
    take_steps(adam, theirs, 0, 2)
    one, other = quick.state_dict(), adam.state_dict()
    quick.load_state_dict(other)
    adam.load_state_dict(one)
    take_steps(quick, ours, 2, 5)
    take_steps(adam, theirs, 2, 5)
    assert_same_state(quick, adam)


def test_parameters_can_be_in_groups() -> None:
    ours, theirs = parameters(), parameters()
    quick, adam = QuickAdam(ours[:2], lr=0.1), Adam(theirs[:2], lr=0.1, fused=True)
    quick.add_param_group({"params": ours[2:], "lr": 0.5})
    adam.add_param_group({"params": theirs[2:], "lr": 0.5})
    take_steps(quick, ours, 0, 4)
    take_steps(adam, theirs, 0, 4)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_step_without_gradients_changes_nothing() -> None:
    ours, quick, theirs, _ = both()
    quick.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_a_closure_is_called() -> None:
    ours, quick, _, _ = both()

    def loss() -> Tensor:
        total = torch.stack([p.square().sum() for p in ours]).sum()
        total.backward()
        return total

    before = quick.step(loss).item()
    assert quick.step(loss).item() < before


def test_sparse_gradients_are_refused() -> None:
    table = nn.Embedding(4, 3, sparse=True)
    quick = QuickAdam(list(table.parameters()), lr=0.1)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="sparse"):
        quick.step()


@pytest.mark.parametrize(
    ("kinds", "allowed"),
    [
        ([("cpu", torch.float32)], True),
        ([("cpu", torch.float32), ("cpu", torch.float64)], False),
        ([("cpu", torch.complex64)], False),
        ([("meta", torch.float32)], False),
        ([], False),
    ],
)
def test_which_parameters_it_allows(kinds: list[tuple[str, torch.dtype]], allowed: bool) -> None:
    created = [nn.Parameter(torch.zeros(2, device=d, dtype=t)) for d, t in kinds]
    assert QuickAdam.allows(created) is allowed
