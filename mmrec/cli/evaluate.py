"""``mmrec evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.cli.arguments import Commands, add_command

if TYPE_CHECKING:
    from mmrec.evaluation import FileEvaluation

EXAMPLES = """
mmrec evaluate --recs lists.tsv --train train.txt --test test.txt
mmrec evaluate --recs lists.tsv --train train.txt --test test.txt --cutoffs 20 --metrics MAP MRR
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    evaluate = add_command(
        commands, "evaluate", _evaluate, "score a file of recommendations", EXAMPLES
    )
    evaluate.add_argument("--recs", type=Path, required=True, help="TSV of user, item, score")
    evaluate.add_argument("--train", type=Path, required=True, help="the training split")
    evaluate.add_argument("--test", type=Path, required=True, help="the held-out split")
    evaluate.add_argument("--metrics", nargs="+", default=["Recall", "nDCG"], metavar="NAME")
    evaluate.add_argument("--cutoffs", nargs="+", type=int, default=[10, 20], metavar="K")
    evaluate.add_argument("--relevance-threshold", type=float, default=0.0, metavar="T")
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="also write the figures there")


def _evaluate(options: argparse.Namespace) -> int:
    """Score a file of recommendations (TSV: user, item, score) against a held-out split."""
    from mmrec.evaluation import evaluate_file
    from mmrec.files import write_atomically

    result = evaluate_file(
        options.recs,
        options.train,
        options.test,
        metrics=options.metrics,
        cutoffs=options.cutoffs,
        relevance_threshold=options.relevance_threshold,
    )
    print(_figures(result))
    if options.json is not None:
        facts = {"figures": result.figures, "users": result.n_users}
        write_atomically(options.json, json.dumps(facts, indent=2) + "\n")
    return 0


def _figures(result: FileEvaluation) -> str:
    width = max(map(len, result.figures))
    lines = [f"{label:<{width}}  {value:.6f}" for label, value in result.figures.items()]
    return "\n".join([*lines, f"over {result.n_users} users"])
