"""Splits, vocabularies and the frozen data set."""

from mmrec.data.dataset import PARTS, Dataset, Features, fingerprint_of
from mmrec.data.filtering import AlignedSplits, FilterReport, align
from mmrec.data.interactions import COLD, Interactions
from mmrec.data.reading import Table, read_labelled, read_split
from mmrec.data.sampling import DistinctUsers, Triplets, TripletSampler, UniformUsers
from mmrec.data.vocabulary import FloatArray, IntArray, Vocabulary

__all__ = [
    "COLD",
    "PARTS",
    "AlignedSplits",
    "Dataset",
    "DistinctUsers",
    "Features",
    "FilterReport",
    "FloatArray",
    "IntArray",
    "Interactions",
    "Table",
    "TripletSampler",
    "Triplets",
    "UniformUsers",
    "Vocabulary",
    "align",
    "fingerprint_of",
    "read_labelled",
    "read_split",
]
