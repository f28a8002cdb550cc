"""SGL, recorded from Ducho-meets-Elliot."""

from __future__ import annotations

from typing import Any

import torch

from mmrec.graph import SparseMatrix
from mmrec.models import Model
from mmrec.models.sgl import SGL
from replaying.recording import Array
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The files hold the edges that each view keeps."""

    model = "SGL"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        keys = "factors", "n_layers", "ssl_temp", "ssl_reg", "ssl_ratio", "sampling", "l_w"
        return {key: self.recording.config[key] for key in keys}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return {"Gu.weight": "users.weight", "Gi.weight": "items.weight"}

    def begin_epoch(self, model: Model, number: int) -> None:
        """Keep the recorded edges, in one draw for a view or in one for each of its layers."""
        assert isinstance(model, SGL)
        n_edges = len(self.recording["train_user"])
        views = self.recording["draws/edge_keep"].reshape(2, -1, n_edges)
        model.keep([[self.kept(model, edges) for edges in view] for view in views])

    def kept(self, model: Model, edges: Array) -> SparseMatrix:
        """Return the interactions that a mask [E] keeps."""
        users, items = (
            torch.from_numpy(self.recording[f"train_{x}"][edges]).long() for x in ("user", "item")
        )
        matrix = SparseMatrix.from_edges(users, items, model.sizes)
        return matrix.to(torch.device("cpu"), self.recording.dtype)
