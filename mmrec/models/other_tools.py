"""Models of other tools that mmrec does not have, and what can be used instead."""

from __future__ import annotations

SAME_MODEL = {
    "BPR": "BPRMF",
    "BPRMF_batch": "BPRMF",
    "NNBPRMF": "BPRMF",
    "Pop": "MostPop",
    "SLIMElastic": "Slim",
    "WRMF": "iALS",
}
"""Models of other tools that mmrec has under another name."""

_OF_ONE_KIND = {
    "AttributeItemKNN": "KaHFM KaHFMBatch KaHFMEmbeddings KGFlex VSM",
    "BPRMF, iALS": "AMF CFGAN CML ConvMF ConvNeuMF DeepFM DMF FFM FM FunkSVD GMF IRGAN LMF "
    "LogisticMatrixFactorization LogisticMF MF MF2020 NeuMF NFM NonNegMF NPR PMF SVDpp WideAndDeep",
    "EASER, Slim": "BPRSlim FISM ItemAutoRec MultiDAE MultiVAE NAIS UserAutoRec",
    "ItemKNN": "SlopeOne",
    "LATTICE, FREEDOM": "DAMRS DRAGON",
    "LightGCN": "DGCF EGCF GCMC GFCF LayerGCN UltraGCN",
    "LightGCNM": "MMGCF",
    "MGCN, BM3": "LGMRec MENTOR MMSSL PGL SLMRec SMORE",
    "MMGCN, GRCN": "DualGNN MVGAE",
    "VBPR": "ACF AMR DeepStyle DVBPR VNPR",
}

OF_ITS_KIND = {name: ours for ours, names in _OF_ONE_KIND.items() for name in names.split()}
"""By the name of a model of Elliot or the toolbox MMRec: models of mmrec that learn from the same
data in a related way."""
