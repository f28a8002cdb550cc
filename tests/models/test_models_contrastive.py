"""SGL and SimGCL: what their recordings leave open."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.models import Batch, Model
from mmrec.models.losses import total_loss
from mmrec.models.sgl import SGL, SGLConfig
from mmrec.models.simgcl import SimGCL, SimGCLConfig
from mmrec.seeding import rng_for
from mmrec.testing.data import tiny_dataset

DATA = tiny_dataset(())
N_EDGES, N_NODES = len(DATA.train), DATA.n_users + DATA.n_items
ONE_ROW = Batch(*torch.tensor([[3], [0], [1]]))


def sgl(**settings: object) -> SGL:
    torch.manual_seed(1)
    return SGL(SGLConfig.model_validate({"factors": 4, "n_layers": 3} | settings), DATA)


def simgcl(**settings: object) -> SimGCL:
    torch.manual_seed(1)
    return SimGCL(SimGCLConfig.model_validate({"factors": 4, "n_layers": 3} | settings), DATA)


def begin(model: Model, epoch: int = 1) -> None:
    model.begin_epoch(epoch, rng_for(1, "begin_epoch", epoch))


def edges_of(model: SGL) -> list[list[Tensor]]:
    """The kept edges of each view and layer, [N, N] bool."""
    return [[graph.to_dense() != 0 for graph in view] for view in model.views]


@pytest.mark.parametrize("sampling", ["ed", "rw"])
@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.3, 1.0])
def test_a_view_drops_a_rounded_number_of_edges_in_both_directions(
    sampling: str, ratio: float
) -> None:
    model = sgl(sampling=sampling, ssl_ratio=ratio)
    begin(model)
    whole = model.graph.to_dense() != 0
    for view in edges_of(model):
        for edges in view:
            assert edges.sum() == 2 * (N_EDGES - round(N_EDGES * ratio))
            assert torch.equal(edges, edges.T)
            assert not (edges & ~whole).any()


def test_a_view_drops_nodes_with_all_their_edges() -> None:
    model = sgl(sampling="nd", ssl_ratio=0.25)
    begin(model)
    whole = model.graph.to_dense() != 0
    for view in edges_of(model):
        kept = view[0].any(1)
        users, items = kept.split(model.sizes)
        assert users.sum() == DATA.n_users - round(DATA.n_users * 0.25)
        assert items.sum() == DATA.n_items - round(DATA.n_items * 0.25)
        assert torch.equal(view[0], whole & kept & kept[:, None])


@pytest.mark.parametrize(
    ("sampling", "n_graphs"), [("nd", 2), ("ed", 2), ("rw", 6)], ids=["nd", "ed", "rw"]
)
def test_the_views_differ_and_in_random_walks_the_layers_too(sampling: str, n_graphs: int) -> None:
    model = sgl(sampling=sampling, ssl_ratio=0.3)
    begin(model)
    graphs = [edges for view in edges_of(model) for edges in view]
    assert len(graphs) == 6
    assert len({edges.numpy().tobytes() for edges in graphs}) == n_graphs


def test_every_epoch_has_its_own_views_and_the_same_when_it_is_repeated() -> None:
    model, found = sgl(sampling="ed"), []
    for epoch in (1, 2, 1):
        begin(model, epoch)
        found.append(torch.stack([edges for view in edges_of(model) for edges in view]))
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])


def test_a_view_is_normalised_by_its_own_degrees_and_keeps_isolated_nodes() -> None:
    model = sgl(sampling="ed", ssl_ratio=0.6, n_layers=1)
    begin(model)
    edges = edges_of(model)[0][0].float()
    degrees = edges.sum(1)
    scale = torch.where(degrees > 0, degrees.clamp(min=1).rsqrt(), 0.0)
    assert (degrees == 0).any()
    torch.testing.assert_close(model.views[0][0].to_dense(), scale[:, None] * edges * scale)


def test_the_loss_of_sgl_is_a_sum_over_rows_that_counts_repetitions() -> None:
    model = sgl(sampling="nd", ssl_ratio=0.25, ssl_temp=0.5)
    begin(model)
    rows = torch.tensor([[3, 0, 1], [3, 0, 4], [5, 2, 1]])
    whole = model.loss(Batch(*rows.T))
    parts = [model.loss(Batch(*row[:, None])) for row in rows]
    for name, value in whole.items():
        torch.testing.assert_close(value, torch.stack([part[name] for part in parts]).sum())


def test_the_loss_of_sgl_by_hand() -> None:
    # Without layers the views are the embeddings, and all users or all items are alike but one.
    model = sgl(n_layers=0, ssl_reg=2.0, ssl_temp=0.5, l_w=0.1)
    with torch.no_grad():
        for table in (model.users, model.items):
            table.weight.copy_(torch.tensor([2.0, 0, 0, 0]).expand_as(table.weight))
        model.users.weight[3] = torch.tensor([0.0, 3, 0, 0])
        model.items.weight[0] = torch.tensor([0.0, 1, 0, 0])
    begin(model)
    loss = model.loss(ONE_ROW)
    assert loss["ranking"].item() == pytest.approx(log(1 + exp(-3)))
    others = DATA.n_users - 1, DATA.n_items - 1
    assert loss["contrast"].item() == pytest.approx(2 * sum(log(1 + n / exp(2)) for n in others))
    assert loss["penalty"].item() == pytest.approx(0.05 * (9 + 1 + 4))


@pytest.mark.parametrize("model", [sgl(), simgcl()], ids=["SGL", "SimGCL"])
def test_a_batch_of_one_row(model: Model) -> None:
    begin(model)
    loss = total_loss(model.loss(ONE_ROW))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("normalised", [True, False])
def test_simgcl_against_dense_propagation(n_layers: int, normalised: bool) -> None:
    model = simgcl(n_layers=n_layers, normalize=normalised, eps=0.3, reg_cl=0.7, l_w=0.4)
    rows = torch.tensor([[3, 0, 1], [3, 6, 4], [5, 0, 1], [7, 9, 6]])
    drawn = torch.rand(2, n_layers, N_NODES, 4)
    recorded = iter(drawn.flatten(0, 1))
    model.draw = lambda y, nodes: next(recorded)[nodes if nodes is not None else ...].clone()  # type: ignore[method-assign]
    found = model.loss(Batch(*rows.T))

    graph = model.graph.to_dense()
    x = torch.cat([model.users.weight, model.items.weight])

    def mean(view: Tensor | None) -> Tensor:
        layers, y = [], x
        for layer in range(n_layers):
            y = graph @ y
            if view is not None:
                y = y + 0.3 * y.detach().sign() * normalize(view[layer])
            layers.append(y)
        return torch.stack(layers).mean(0)

    z, (z1, z2) = mean(None), map(mean, drawn)
    users, (positives, negatives) = rows[:, 0], rows[:, 1:].T + DATA.n_users
    margin = (z[users] * (z[positives] - z[negatives])).sum(1)
    expected = {
        "ranking": -(1e-5 + margin.sigmoid()).log().mean(),
        "penalty": 0.4 * (z[users].norm() + z[positives].norm()) / 4,
        "contrast": torch.zeros(()),
    }
    for nodes in (users.unique(), positives.unique()):
        similarity = normalize(z1[nodes]) @ normalize(z2[nodes]).T / 0.2
        contrast = similarity.logsumexp(1) - similarity.diagonal()
        expected["contrast"] = expected["contrast"] + 0.7 * contrast.mean()
    parameters = list(model.parameters())
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
        gradients = (
            torch.autograd.grad(loss, parameters, retain_graph=True)
            for loss in (found[name], value)
        )
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


def test_the_noise_of_simgcl_has_a_length_a_sign_and_no_effect_on_zeros() -> None:
    model = simgcl(eps=0.3)
    y = torch.tensor([[1.0, -2, 3, -4], [-1, -1, -1, -1], [0, 0, 0, 0], [0, 5, 0, 0]])
    noise = model.perturbed(y) - y
    assert noise[:2].norm(dim=1).tolist() == pytest.approx([0.3, 0.3], rel=1e-5)
    assert torch.equal(noise.sign(), y.sign())
    assert not noise[2].any()


def test_simgcl_draws_fresh_noise_in_every_step_from_the_seed_of_torch() -> None:
    model, batch = simgcl(), Batch(*torch.tensor([[3, 5], [0, 2], [1, 1]]))
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        found.append([model.loss(batch)["contrast"].item() for _ in range(2)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_simgcl_draws_a_fresh_order_and_fresh_negatives_in_every_epoch() -> None:
    config = SimGCLConfig(batch_size=8)
    sampler = SimGCL.make_sampler(config, DATA.train)
    epochs = [sampler.draw_epoch(rng_for(1, "triplets", epoch)) for epoch in (1, 2)]
    for users, positives, negatives in epochs:
        pairs = sorted(zip(users.tolist(), positives.tolist(), strict=True))
        assert pairs == list(zip(DATA.train.users, DATA.train.items, strict=True))
        assert negatives is not None
    first, second = epochs
    assert not np.array_equal(first.users, second.users)
    orders = [np.lexsort((epoch.positives, epoch.users)) for epoch in epochs]
    negatives_of = [epoch.negatives[order] for epoch, order in zip(epochs, orders, strict=True)]  # type: ignore[index]
    assert not np.array_equal(*negatives_of)
