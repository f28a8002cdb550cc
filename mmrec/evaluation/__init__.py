"""Ranking, metrics, evaluation of recommendation files, and significance."""

from mmrec.evaluation.evaluator import Evaluation, Evaluator
from mmrec.evaluation.groups import GROUPS, GroupEvaluator, popularity_groups
from mmrec.evaluation.list_files import read_recommendations
from mmrec.evaluation.metrics import METRICS, Metric, figure_name, find_metric, parse_figure_name
from mmrec.evaluation.ranking import Ranking, Scorer, rank
from mmrec.evaluation.recommendations import FileEvaluation, evaluate_file, ranking_from_frame
from mmrec.evaluation.significance import (
    SignificanceTest,
    cohens_d,
    cohens_dz,
    compare,
    compare_in_full,
    holm,
    paired_ttest,
    rank_biserial,
    welch_ttest,
    wilcoxon_test,
)
from mmrec.evaluation.spread import Spread, spread

__all__ = [
    "GROUPS",
    "METRICS",
    "Evaluation",
    "Evaluator",
    "FileEvaluation",
    "GroupEvaluator",
    "Metric",
    "Ranking",
    "Scorer",
    "SignificanceTest",
    "Spread",
    "cohens_d",
    "cohens_dz",
    "compare",
    "compare_in_full",
    "evaluate_file",
    "figure_name",
    "find_metric",
    "holm",
    "paired_ttest",
    "parse_figure_name",
    "popularity_groups",
    "rank",
    "rank_biserial",
    "ranking_from_frame",
    "read_recommendations",
    "spread",
    "welch_ttest",
    "wilcoxon_test",
]
