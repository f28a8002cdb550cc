"""The hyper-parameters with which benchmarks train a model: those of published experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.data import Dataset
from mmrec.models import MODELS, Model

SHARED: Mapping[str, Any] = {"batch_size": 1024, "lr": 0.001, "epochs": 1000}
NGCF = {"n_layers": 3, "node_dropout": 0.1, "message_dropout": 0.1, "l_w": 1e-5}

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "BPRMF": {"factors": 64, "l_w": 1e-5},
    "LightGCN": {"n_layers": 3, "l_w": 1e-5},
    "LightGCNM": {"n_layers": 3, "l_w": 1e-5},
    "NGCF": {**NGCF, "weight_size": 64},
    "NGCFM": NGCF,
    "SGL": {"n_layers": 3, "ssl_temp": 0.2, "ssl_reg": 0.1, "sampling": "ed", "l_w": 1e-5},
    "SimGCL": {"n_layers": 3, "eps": 0.1, "reg_cl": 0.5, "l_w": 1e-4},
    "VBPR": {"l_w": 1e-5},
    "MMGCN": {
        "num_layers": 3,
        "factors_multimod": (256, None),
        "concatenation": False,
        "l_w": 1e-5,
    },
    "GRCN": {
        "num_layers": 2,
        "num_routings": 3,
        "factors_multimod": 128,
        "weight_mode": "confid",
        "l_w": 1e-5,
    },
    "BM3": {"n_layers": 2, "dropout": 0.3, "reg_weight": 0.1, "cl_weight": 2.0},
    "FREEDOM": {"n_ui_layers": 2, "top_k": 10, "mw": (0.1, 0.9), "drop": 0.8, "l_w": 1e-5},
    "LATTICE": {"n_ui_layers": 2, "top_k": 20, "l_m": 0.7, "l_w": 1e-5},
    "MGCN": {"n_ui_layers": 2, "top_k": 10, "l_w": 1e-4, "cl_loss": 0.01},
}
"""By model, what the published files set (MGCN has none: its defaults)."""

TOOLBOX: Mapping[str, Mapping[str, Any]] = {
    "VBPR": {"variant": "mmrec"},
    "MMGCN": {"variant": "mmrec", "concatenation": True},
    "GRCN": {"variant": "mmrec", "factors_multimod": 64},
}
"""By model, where the toolbox MMRec computes something else than with ``PUBLISHED``.

MMGCN there joins both parts of a node by a linear map, and does not train preferences and
embeddings. GRCN has routing without effect, no normalisation between layers and the width 64, the
only one that was published. In VBPR, one table holds both halves of the users' embeddings.
"""


def build(name: str, dataset: Dataset, **changes: object) -> Model:
    """Return a model with its published hyper-parameters, some of them changed.

    One without published files has its defaults.
    """
    kind = MODELS.find(name)
    model = kind(kind.Config(**{**SHARED, **PUBLISHED.get(name, {}), **changes}), dataset)
    assert isinstance(model, Model)
    return model
