"""Ranking, metrics, evaluation of recommendation files, and significance."""

from mmrec.evaluation.evaluator import Evaluation, Evaluator
from mmrec.evaluation.metrics import (
    METRICS,
    Metric,
    figure_name,
    find_metric,
    parse_figure_name,
)
from mmrec.evaluation.ranking import Ranking, Scorer, rank
from mmrec.evaluation.recommendations import (
    FileEvaluation,
    evaluate_file,
    ranking_from_frame,
    read_recommendations,
)
from mmrec.evaluation.significance import compare, paired_ttest, wilcoxon_test

__all__ = [
    "METRICS",
    "Evaluation",
    "Evaluator",
    "FileEvaluation",
    "Metric",
    "Ranking",
    "Scorer",
    "compare",
    "evaluate_file",
    "figure_name",
    "find_metric",
    "paired_ttest",
    "parse_figure_name",
    "rank",
    "ranking_from_frame",
    "read_recommendations",
    "wilcoxon_test",
]
