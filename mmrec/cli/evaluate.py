"""``mmrec evaluate``."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.cli.arguments import Commands, add_command, add_settings, changed
from mmrec.errors import ConfigError

if TYPE_CHECKING:
    from mmrec.evaluation import FileEvaluation

logger = logging.getLogger(__name__)

_DEFAULTS: dict[str, Any] = {
    "metrics": ["Recall", "nDCG"],
    "cutoffs": [10, 20],
    "relevance_threshold": 0.0,
    "binarize": False,
    "complex_metrics": (),
}
"""The protocol without an experiment."""

EXAMPLES = """
mmrec evaluate --recs lists.tsv --train train.txt --test test.txt
mmrec evaluate --recs lists.tsv --train train.txt --test test.txt --cutoffs 20 --metrics MAP MRR
mmrec evaluate --recs lists.csv.gz --splits baby.inter
mmrec evaluate --recs lists.csv.gz --splits baby.inter --complex-metrics groups.yml
mmrec evaluate --recs lists.tsv --config config_files/demo.yml
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    evaluate = add_command(
        commands, "evaluate", _evaluate, "score a file of recommendations", EXAMPLES
    )
    evaluate.add_argument(
        "--recs", type=Path, required=True, help="the recommendations: user, item[, score]"
    )
    evaluate.add_argument("--train", type=Path, help="the training split")
    evaluate.add_argument("--test", type=Path, help="the held-out split")
    evaluate.add_argument(
        "--splits",
        type=Path,
        metavar="FILE",
        help="one file with both, separated by its column x_label",
    )
    evaluate.add_argument(
        "--config", metavar="CONFIG", help="an experiment, whose splits and protocol are used"
    )
    evaluate.add_argument("--fold", metavar="NAME", help="the fold, if the experiment has several")
    add_settings(evaluate)
    evaluate.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="names of metrics (default: Recall nDCG, or those of the experiment)",
    )
    evaluate.add_argument(
        "--complex-metrics",
        type=Path,
        metavar="YAML",
        help="metrics with settings: a file with the key complex_metrics, as in an experiment",
    )
    evaluate.add_argument(
        "--cutoffs",
        nargs="+",
        type=int,
        metavar="K",
        help="the first K items of each list count (default: 10 20, or those of the experiment)",
    )
    evaluate.add_argument(
        "--relevance-threshold",
        type=float,
        metavar="T",
        help="held-out items with a lower rating do not count (default: 0)",
    )
    evaluate.add_argument(
        "--binarize", action="store_true", default=None, help="set every rating to 1"
    )
    evaluate.add_argument(
        "--json", type=Path, metavar="OUT", help="also write the figures to this file"
    )


def _evaluate(options: argparse.Namespace) -> int:
    """Score a file of recommendations against a held-out split.

    The lists are lines of user, item and score; of user and item in the order of the lists; with a
    header, of user, item and rank, or of a user and all items; or a TREC run. Lists are ordered by
    score, ties by the order of the file.

    With --train and --test, files are read like those of an experiment: .csv with commas, .inter
    with tabs and a header, .json with the lists of users of LATTICE, others with tabs; each may be
    gzipped. A first line that names a user and an item is a header. No row of the splits is
    dropped, so the figures of a run differ if the run dropped rows, for example because items had
    no vector.

    With --config, everything is that of an experiment: names of columns, separator, encoding,
    duplicates, filters, dropped items, the split or fold, metrics and cutoffs. The saved lists of
    its run have exactly the figures of the run.
    """
    from mmrec.files import write_atomically

    result = _by_experiment(options) if options.config is not None else _by_files(options)
    for warning in result.warnings:
        logger.warning("%s", warning)
    print(_figures(result))
    if options.json is not None:
        facts = {
            "figures": result.figures,
            "users": result.n_users,
            "users_without_list": result.n_users_without_list,
            "rows": result.n_rows,
            "ignored_rows": result.ignored_rows,
            "kept_rows": result.kept_rows,
            "test_rows": result.n_test_rows,
            "ignored_test_rows": result.ignored_test_rows,
            "trained_test_rows": result.trained_test_rows,
            "order": result.order,
            "warnings": result.warnings,
        }
        write_atomically(options.json, json.dumps(facts, indent=2) + "\n")
    return 0


def _by_experiment(options: argparse.Namespace) -> FileEvaluation:
    from mmrec.config import documents_of, read_experiment
    from mmrec.planning.list_protocol import evaluate_by_plan
    from mmrec.planning.plan import make_plan

    _refuse(
        options,
        ("train", "test", "splits", "complex_metrics", "relevance_threshold", "binarize"),
        "cannot be combined with --config, which says it; --set changes the experiment",
    )
    document, folder = changed(options.config, options)
    if len(documents_of(document)) > 1:
        raise ConfigError(f"{options.config}: several data sets; choose one: --set dataset=NAME")
    return evaluate_by_plan(
        options.recs,
        make_plan(read_experiment(document, folder)),
        fold=options.fold,
        metrics=options.metrics,
        cutoffs=options.cutoffs,
    )


def _by_files(options: argparse.Namespace) -> FileEvaluation:
    from mmrec.evaluation import evaluate_file

    _refuse(options, ("fold", "settings"), "needs an experiment: --config CONFIG")
    train, test = _splits(options)
    given = {name: getattr(options, name) for name in _DEFAULTS}
    protocol = _DEFAULTS | {name: value for name, value in given.items() if value is not None}
    return evaluate_file(options.recs, train, test, **protocol)


def _refuse(options: argparse.Namespace, names: tuple[str, ...], reason: str) -> None:
    """Refuse options that cannot be combined with others."""
    for name in names:
        if getattr(options, name) not in (None, []):
            option = "set" if name == "settings" else name.replace("_", "-")
            raise ConfigError(f"--{option} {reason}")


def _splits(options: argparse.Namespace) -> tuple[Path, Path]:
    given = [options.train, options.test]
    if options.splits is not None and given == [None, None]:
        return options.splits, options.splits
    if options.splits is not None or None in given:
        raise ConfigError("expected --train and --test, or only --splits, or only --config")
    return options.train, options.test


def _figures(result: FileEvaluation) -> str:
    width = max(map(len, result.figures))
    lines = [f"{label:<{width}}  {value:.6f}" for label, value in result.figures.items()]
    return "\n".join([*lines, f"over {result.n_users} users", *result.lines()])
