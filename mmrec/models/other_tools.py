"""Models and keys of other tools that mmrec does not have, and what can be used instead."""

from __future__ import annotations

from collections.abc import Mapping

from mmrec.models.configs import RecommenderConfig

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

_ELLIOTS_OWN_KEYS = {
    "BPRMF": (
        "bias_regularization user_regularization positive_item_regularization "
        "negative_item_regularization update_users update_items update_bias "
        "update_negative_item_factors",
        "the weight of all penalties is l_w, and there are no biases",
    ),
    "LightGCN": ("n_fold", "the graph is not cut into folds"),
    "NGCF": ("n_fold", "the graph is not cut into folds"),
    "VBPR": (
        "factors_d batch_eval l_b l_e",
        "features are projected to factors, the weight of all penalties is l_w, and there are no "
        "biases",
    ),
}
"""Keys that only Elliot's own model of a name has, and what is here instead."""


def elliots_own_keys(model: str) -> Mapping[str, str]:
    """Return the unsupported keys of a model whose name Elliot has given to a model of its own.

    Returns:
        The reasons to refuse them, together with those of every recommender, by key.
    """
    keys, instead = _ELLIOTS_OWN_KEYS[model]
    reason = f"a key of Elliot's own {model}; here, as in external.{model}, {instead}"
    return {**RecommenderConfig.unsupported, **dict.fromkeys(keys.split(), reason)}
