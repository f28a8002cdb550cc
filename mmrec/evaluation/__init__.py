"""Ranking, metrics, evaluation of recommendation files, and significance."""

from mmrec.evaluation.base import (
    METRICS,
    Metric,
    figure_name,
    find_metric,
    metric,
    metric_of,
    on_hits,
)
from mmrec.evaluation.complex_metrics import (
    COMPLEX_METRICS,
    Better,
    ComplexMetric,
    Compute,
    Ids,
    complex_metric,
    configure,
    definition_of,
    find_complex_metric,
    read_complex_metrics,
)
from mmrec.evaluation.evaluator import Evaluation, Evaluator
from mmrec.evaluation.groups import GROUPS, GroupEvaluator, popularity_groups
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.list_files import read_recommendations
from mmrec.evaluation.mean_ranks import critical_difference, friedman_test, nemenyi_test, ranks_of
from mmrec.evaluation.ranking import Ranking, Scorer, rank, ranking_from_frame
from mmrec.evaluation.recommendations import FileEvaluation, evaluate_file, evaluate_tables
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
    "COMPLEX_METRICS",
    "GROUPS",
    "METRICS",
    "Better",
    "ComplexMetric",
    "Compute",
    "Evaluation",
    "Evaluator",
    "FileEvaluation",
    "GroupEvaluator",
    "Ids",
    "JudgedLists",
    "Metric",
    "Ranking",
    "Scorer",
    "SignificanceTest",
    "Spread",
    "cohens_d",
    "cohens_dz",
    "compare",
    "compare_in_full",
    "complex_metric",
    "configure",
    "critical_difference",
    "definition_of",
    "evaluate_file",
    "evaluate_tables",
    "figure_name",
    "find_complex_metric",
    "find_metric",
    "friedman_test",
    "holm",
    "metric",
    "metric_of",
    "nemenyi_test",
    "on_hits",
    "paired_ttest",
    "popularity_groups",
    "rank",
    "rank_biserial",
    "ranking_from_frame",
    "ranks_of",
    "read_complex_metrics",
    "read_recommendations",
    "spread",
    "welch_ttest",
    "wilcoxon_test",
]
