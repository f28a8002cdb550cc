"""Interactions, splits, vocabularies and data sets."""

from mmrec.data.cold import ColdItems
from mmrec.data.dataset import PARTS, Dataset, fingerprint_of
from mmrec.data.filtering import AlignedSplits, FilterReport, align, drop_without_vectors
from mmrec.data.folds import FoldFiles, FoldRows, find_folds, name_folds
from mmrec.data.interactions import COLD, Interactions
from mmrec.data.labels import find_pictures, read_titles
from mmrec.data.permuted import Features
from mmrec.data.prefiltering import FilterStep
from mmrec.data.reading import TableForm, read_labelled, read_split
from mmrec.data.reading.table import Table
from mmrec.data.rows import sort_rows, timestamps_of
from mmrec.data.sampling import (
    SAMPLERS,
    AllUsers,
    DistinctUsers,
    EachInteraction,
    Pairs,
    Sampler,
    Samples,
    UniformUsers,
    register_sampler,
)
from mmrec.data.vocabulary import BoolArray, FloatArray, IntArray, Vocabulary

__all__ = [
    "COLD",
    "PARTS",
    "SAMPLERS",
    "AlignedSplits",
    "AllUsers",
    "BoolArray",
    "ColdItems",
    "Dataset",
    "DistinctUsers",
    "EachInteraction",
    "Features",
    "FilterReport",
    "FilterStep",
    "FloatArray",
    "FoldFiles",
    "FoldRows",
    "IntArray",
    "Interactions",
    "Pairs",
    "Sampler",
    "Samples",
    "Table",
    "TableForm",
    "UniformUsers",
    "Vocabulary",
    "align",
    "drop_without_vectors",
    "find_folds",
    "find_pictures",
    "fingerprint_of",
    "name_folds",
    "read_labelled",
    "read_split",
    "read_titles",
    "register_sampler",
    "sort_rows",
    "timestamps_of",
]
