"""FREEDOM, recorded from MMRec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec.graph import SparseMatrix
from mmrec.models import Model
from mmrec.models.freedom import FREEDOM
from replaying.models.mmrec_toolbox import common_names
from replaying.steps import StepReplay


class Replay(StepReplay):
    """Files with dropped edges hold the edges that are kept."""

    model = "FREEDOM"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config = self.recording.config
        share = config["mm_image_weight"]
        return {
            "factors": config["embedding_size"],
            "n_layers": config["n_mm_layers"],
            "n_ui_layers": config["n_ui_layers"],
            "top_k": config["knn_k"],
            "mw": (share, 1 - share),
            "drop": config["dropout"],
            "l_w": config["reg_weight"],
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return dict(common_names(self.recording))

    def begin_epoch(self, model: Model, number: int) -> None:
        """Keep the recorded edges."""
        assert isinstance(model, FREEDOM)
        if "draws/kept_edges" not in self.recording:
            return
        kept = self.recording["draws/kept_edges"][number]
        users, items = (
            torch.from_numpy(self.recording[f"train_{x}"][kept]).long() for x in ("user", "item")
        )
        edges = SparseMatrix.from_edges(users, items, model.sizes)
        model.keep(edges.to(torch.device("cpu"), self.recording.dtype))

    def graphs(self, model: Model) -> dict[str, Tensor]:
        """Return the item graph."""
        assert isinstance(model, FREEDOM)
        return {"item_graph_dense": model.item_graph.to_dense()}
