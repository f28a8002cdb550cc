"""A training step stays on its device, as it does on one without values to look at.

On the ``meta`` device every operation knows shapes alone. Reading a number of a tensor
(``.item()``, a Python ``if`` over one, a size that depends on values) raises there, as does mixing
in a tensor of the CPU. On CUDA the first would make the host wait at every step, the second would
fail.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmrec.graph import SparseMatrix
from mmrec.models import Batch, Model
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.testing.data import tiny_dataset

DATA = tiny_dataset()
META = torch.device("meta")


def batch_of(n: int) -> Batch:
    return Batch(*(torch.zeros(n, dtype=torch.int64, device=META) for _ in range(3)))


def take_step(model: Model) -> None:
    model.zero_grad(set_to_none=True)
    loss = model.loss(batch_of(3))
    assert (loss.device, loss.shape) == (META, ())
    loss.backward()


def gradients(model: Model) -> set[str]:
    return {name for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("aggregation", ["mean", "sum", "concat"])
@pytest.mark.parametrize("n_layers", [0, 2])
def test_a_step_of_lightgcnm(aggregation: str, n_layers: int) -> None:
    config = LightGCNMConfig.model_validate({"aggregation": aggregation, "n_layers": n_layers})
    model = LightGCNM(config, DATA).to(META)
    take_step(model)
    assert gradients(model) == {name for name, _ in model.named_parameters()}
    assert {p.grad.device for p in model.parameters() if p.grad is not None} == {META}


def on_meta(graph: SparseMatrix) -> dict[str, Tensor]:
    state = {"rows": graph.pattern.rows, "cols": graph.pattern.cols, "values": graph.values}
    return {name: tensor.detach().to(META) for name, tensor in state.items()}


@pytest.mark.parametrize("cf", ["lightgcn", "ngcf", "mf"])
def test_a_step_of_lattice_over_the_graph_of_its_epoch(cf: str) -> None:
    """The first batch of an epoch also learns the graph, and looks for ties among neighbours."""
    config = LATTICEConfig.model_validate({"cf": cf, "n_ui_layers": 2, "top_k": 3, "n_layers": 2})
    model = LATTICE(config, DATA)
    graph = on_meta(model.item_graph())
    model.to(META).begin_epoch(1, np.random.default_rng(0))
    model.load_epoch_state(graph)
    take_step(model)
    assert {"user_embedding.weight", "item_embedding.weight"} <= gradients(model)


def test_the_check_notices_a_look_at_values() -> None:
    class Looking(LightGCNM):
        def loss(self, batch: Batch) -> Tensor:
            return super().loss(batch) * float(batch.users.sum())

    with pytest.raises(RuntimeError, match="meta"):
        take_step(Looking(LightGCNMConfig(), DATA).to(META))
