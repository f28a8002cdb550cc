"""NGCF, recorded from Formal-MultiMod-Rec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec.models import Model
from mmrec.models.ngcf_layers import NGCFLayers
from replaying.steps import StepReplay


class Replay(StepReplay):
    """Files with dropout hold its draws: of the edges for all steps, of the messages for each."""

    model = "NGCF"
    keys: tuple[str, ...] = (
        "factors",
        "n_layers",
        "weight_size",
        "node_dropout",
        "message_dropout",
        "l_w",
        "normalize",
    )

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        return {key: self.recording.config[key] for key in self.keys}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        names = {"Gu": "users.weight", "Gi": "items.weight"}
        for layer in range(model.config.n_layers):
            theirs, ours = f"propagation_network.module_{layer}", f"layers.layers.{layer}"
            names |= {f"{theirs}.{x}": f"{ours}.{x}" for x in ("W1", "b1", "W2", "b2")}
        return names

    def begin_epoch(self, model: Model, number: int) -> None:
        """Keep the recorded edges."""
        layers = layers_of(model)
        if "draws/node_dropout_keep" not in self.recording:
            super().begin_epoch(model, number)
            return
        kept = torch.from_numpy(self.recording["draws/node_dropout_keep"]).bool()
        edges = torch.from_numpy(self.recording["draws/node_dropout_edges"]).long()
        shape = layers.graph.shape
        is_kept = torch.zeros(shape, dtype=torch.bool)
        is_recorded = is_kept.index_put(tuple(edges), torch.tensor(True))
        is_kept[tuple(edges[:, kept])] = True
        pattern = layers.graph.pattern
        assert bool(is_recorded[pattern.rows, pattern.cols].all())
        layers.keep(is_kept[pattern.rows, pattern.cols].nonzero()[:, 0])

    def begin_step(self, model: Model, step: int) -> None:
        """Take the recorded masks of the messages."""
        if "draws/message_keep" not in self.recording:
            return
        masks = torch.from_numpy(self.recording["draws/message_keep"][step])
        layers = layers_of(model)

        def mask(layer: int, n_nodes: int) -> Tensor:
            kept = masks[layer].to(layers.graph.values.dtype)
            assert kept.shape == (n_nodes, layers.width)
            return kept / (1 - layers.dropouts[layer])

        layers.mask = mask  # type: ignore[method-assign]


def layers_of(model: Model) -> NGCFLayers:
    """Return the layers of NGCF or NGCFM."""
    layers = model.layers
    assert isinstance(layers, NGCFLayers)
    return layers
