"""Each trained model written directly with torch and PyG, to measure mmrec's models against.

As in common public code, a step computes all users and items over the whole graph, by PyG's layers
or products with torch's sparse matrices, and projects the features of all items. The losses are
those of mmrec's models for the published hyper-parameters.
"""

from __future__ import annotations

from direct.base import Direct
from direct.collaborative import BPRMF, NGCF, SGL, LightGCN, SimGCL
from direct.convolutions import GRCN, MMGCN
from direct.multimodal import BM3, FREEDOM, LATTICE, MGCN, NGCFM, VBPR, LightGCNM

DIRECT: dict[str, type[Direct]] = {
    kind.__name__: kind
    for kind in (
        *(BPRMF, LightGCN, LightGCNM, NGCF, NGCFM, SGL, SimGCL),
        *(VBPR, MMGCN, GRCN, BM3, FREEDOM, LATTICE, MGCN),
    )
}
"""The implementations by the names of mmrec's models."""

__all__ = ["DIRECT", "Direct"]
