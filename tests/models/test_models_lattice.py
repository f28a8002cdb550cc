"""LATTICE over the batches of an epoch, and what its layers do in training only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import assert_contains

from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.graph import SparseMatrix
from mmrec.models import Batch
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.models.ngcf_layers import NGCFLayers
from mmrec.testing.data import tiny_dataset

DATA = tiny_dataset()
RNG = np.random.default_rng(0)
BATCH = Batch(torch.tensor([0, 1, 2]), torch.tensor([6, 7, 8]), torch.tensor([1, 2, 3]))
SETTINGS = {"factors": 4, "factors_multimod": 3, "top_k": 4}
GRAPH_PARAMETERS = ("features.", "projections.", "importance")


def built(seed: int = 0, **changes: object) -> LATTICE:
    torch.manual_seed(seed)
    return LATTICE(LATTICEConfig.model_validate(SETTINGS | changes), DATA)


def without_gradient(model: LATTICE) -> set[str]:
    return {name for name, p in model.named_parameters() if p.grad is None}


def graph_parameters(model: LATTICE) -> set[str]:
    return {name for name, _ in model.named_parameters() if name.startswith(GRAPH_PARAMETERS)}


def test_the_graph_has_a_gradient_in_the_first_batch_of_an_epoch_only() -> None:
    model = built()
    assert len(graph_parameters(model)) == 2 + 2 * 2 + 1
    for epoch in (1, 2):
        model.begin_epoch(epoch, RNG)
        for batch_number in range(3):
            model.zero_grad()
            model.loss(BATCH).backward()
            expected = graph_parameters(model) if batch_number else set()
            assert without_gradient(model) == expected


def test_items_whose_cosines_have_no_positive_sum_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    built()
    assert not caplog.records
    built(top_k=DATA.n_items)
    assert_contains(caplog.text, ["visual", f"of {DATA.n_items} items", f"{DATA.n_items} nearest"])


def test_later_batches_use_the_graph_of_the_first_and_embed_the_current_one() -> None:
    model = built()
    model.begin_epoch(1, RNG)
    loss = model.loss(BATCH)
    graph, (_, items) = model.item_graph().to_dense(), model.embed()
    with torch.no_grad():
        for parameter in model.features.raw.values():
            parameter.copy_(parameter.flip(0))
    assert torch.equal(model.loss(BATCH), loss)  # over the graph of the first batch
    assert not torch.equal(model.item_graph().to_dense(), graph)
    assert not torch.equal(model.embed()[1], items)
    assert torch.equal(model.loss(BATCH), loss)  # embed() has not replaced it
    model.begin_epoch(2, RNG)
    assert not torch.equal(model.loss(BATCH), loss)


def test_the_raw_graphs_stay_those_of_the_features_given() -> None:
    model = built()
    before = [graph.to_dense() for graph in model.raw_graphs]
    with torch.no_grad():
        for parameter in model.features.raw.values():
            parameter.add_(1)
    for graph, dense in zip(model.raw_graphs, before, strict=True):
        assert torch.equal(graph.to_dense(), dense)
    assert not any("raw" in name for name in model.state_dict())


def test_trials_on_the_same_data_share_the_raw_graphs() -> None:
    def graph(top_k: int, data: Dataset = DATA) -> SparseMatrix:
        config = LATTICEConfig.model_validate(SETTINGS | {"top_k": top_k})
        return LATTICE(config, data).raw_graphs[0]

    first = graph(4)
    assert graph(4) is first
    second = graph(3)
    assert graph(4) is first
    third = graph(2)  # two are kept
    assert graph(4) is first
    assert graph(2) is third
    assert graph(3) is not second
    assert graph(3, tiny_dataset()) is not graph(3)


def test_without_a_share_for_it_the_learned_graph_gets_no_gradient() -> None:
    model = built(l_m=1.0)
    model.begin_epoch(1, RNG)
    model.loss(BATCH).backward()
    for name in graph_parameters(model) - {"importance"}:
        gradient = model.get_parameter(name).grad
        assert gradient is None or gradient.eq(0).all(), name


def ngcf(dl: tuple[float, ...] = (0.5, 0.5)) -> LATTICE:
    return built(cf="ngcf", n_ui_layers=2, ws=(4, 4), dl=dl)


def test_dropout_is_drawn_under_torch_s_seed_in_training() -> None:
    model = ngcf().train()
    losses = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        losses.append(model.loss(BATCH).item())
    assert losses[0] == losses[1] != losses[2]
    assert model.loss(BATCH).item() != model.loss(BATCH).item()


def test_dropout_is_off_in_evaluation() -> None:
    model = ngcf().eval()
    state = torch.get_rng_state()
    assert torch.equal(model.embed()[0], model.embed()[0])
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn
    undropped = ngcf(dl=(0.0, 0.0))
    assert torch.equal(model.embed()[0], undropped.eval().embed()[0])
    assert torch.equal(undropped.train().embed()[0], undropped.eval().embed()[0])


def test_each_layer_has_its_own_rate() -> None:
    # Nothing is dropped in layer 1 and everything but a thousandth in layer 2.
    model = ngcf(dl=(0.0, 0.999)).train()
    assert model.collaborative is not None
    x = torch.cat([model.user_embedding.weight, model.item_embedding.weight])
    torch.manual_seed(0)
    every = torch.arange(len(x))
    both = 3 * model.collaborative(x, every) - x  # layer 1 and layer 2, of which nearly all is zero
    first = 2 * _only_first_layer(model.collaborative)(x, every) - x
    assert first.ne(0).all()
    assert (both - first).abs().lt(1e-5).float().mean() > 0.9


def _only_first_layer(layers: NGCFLayers) -> NGCFLayers:
    single = NGCFLayers(layers.graph, 4, [0.0])
    single.layers[0] = layers.layers[0]
    return single


def test_rates_beyond_the_layers_are_ignored() -> None:
    model = built(cf="ngcf", n_ui_layers=1, ws=(4, 9), dl=(0.1, 0.2, 0.3))
    assert len([name for name, _ in model.named_parameters() if name.endswith("W1")]) == 1


@pytest.mark.parametrize("cf", ["lightgcn", "mf"])
def test_only_ngcf_has_weights_of_its_own(cf: str) -> None:
    names = {name for name, _ in built(cf=cf).named_parameters()}
    assert names == {"user_embedding.weight", "item_embedding.weight"} | graph_parameters(built())


def test_initial_values() -> None:
    # Xavier's bound for [U, D] is sqrt(6 / (U + D)); the logits start equal; features are given.
    model = built()
    for table in (model.user_embedding.weight, model.item_embedding.weight):
        bound = (6 / sum(table.shape)) ** 0.5
        assert 0.8 * bound < table.abs().max() <= bound
    assert model.importance.tolist() == [0.5, 0.5]
    for modality, loader in (("visual", "VisualAttribute"), ("textual", "TextualAttribute")):
        assert model.features.raw[modality].requires_grad
        assert torch.equal(model.features.raw[modality], torch.tensor(DATA.features_of(loader)))


def test_training_does_not_write_into_the_data_set() -> None:
    before = DATA.fingerprint
    for model in (built(), LightGCNM(LightGCNMConfig(factors=4), DATA)):
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        model.loss(BATCH).backward()
        optimizer.step()
    fresh = tiny_dataset()
    assert before == DATA.fingerprint == fresh.fingerprint
    for loader, matrix in DATA.features.items():
        assert (matrix == fresh.features_of(loader)).all()


@pytest.mark.parametrize("aggregation", ["mean", "concat"])
def test_modalities_keep_the_order_of_the_configuration(aggregation: str) -> None:
    config = LightGCNMConfig.model_validate(
        {
            "modalities": ("zebra", "ant"),
            "loaders": ("VisualAttribute", "TextualAttribute"),
            "aggregation": aggregation,
        }
    )
    model = LightGCNM(config, DATA)
    assert list(model.features) == ["zebra", "ant"]
    assert model.features.raw["zebra"].shape[1] == DATA.features_of("VisualAttribute").shape[1]


def test_a_loader_that_is_not_in_the_data_set() -> None:
    with pytest.raises(DataError, match="no side information from loader 'AudioAttribute'"):
        built(modalities=("audio",))


def test_permuted_features_have_raw_graphs_of_their_own() -> None:
    def graph(control: str, seed: int) -> torch.Tensor:
        config = LATTICEConfig.model_validate(SETTINGS | {"control": control, "seed": seed})
        return LATTICE(config, DATA).item_graph(raw_share=1.0).to_dense()

    assert torch.equal(graph("none", 1), graph("none", 2))
    graphs = [graph("none", 0), graph("permute", 0), graph("permute", 2)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.equal(graphs[one], graphs[other])
