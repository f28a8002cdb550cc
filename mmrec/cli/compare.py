"""``mmrec compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command, names

EXAMPLES = """
mmrec compare RUN_A RUN_B
mmrec compare RUN_A RUN_B --proposed LATTICE --metrics Recall@20,nDCG@20 --format latex
mmrec compare RUN_A RUN_B --output comparison
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    compare = add_command(
        commands, "compare", _compare, "compare runs on one data set or several", EXAMPLES
    )
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    compare.add_argument(
        "--metrics", type=names, metavar="LABELS", help="such as Recall@20,nDCG@20; default: all"
    )
    compare.add_argument(
        "--proposed",
        type=names,
        default=[],
        metavar="MODELS",
        help="compare the best of these models with the best of the others",
    )
    compare.add_argument(
        "--format",
        choices=("markdown", "latex", "csv"),
        default="markdown",
        help="of what is printed; default: markdown",
    )
    compare.add_argument(
        "--output", type=Path, metavar="DIR", help="write comparison.html, .tex, .csv and .md there"
    )


def _compare(options: argparse.Namespace) -> int:
    """Compare finished runs in one table of data sets, models and metrics.

    The best value is bold, the second underlined (in Markdown: in italics). The table has the gain
    over the best baseline, marks of significance over users and seeds, and standard deviations
    where a model was run several times. Mean ranks over several data sets follow, from five on
    with the tests of Friedman and Nemenyi.

    Only the records of the runs are read. Exit code 2: the protocols differ (cutoffs, relevance
    threshold, candidates, splits), and the message says how.
    """
    from mmrec.reporting.comparing.comparison import compare

    found = compare(options.runs, metrics=options.metrics, proposed=options.proposed)
    write = {"markdown": found.to_markdown, "latex": found.to_latex, "csv": found.to_csv}
    print(write[options.format](), end="")
    if options.output is not None:
        page = found.write(options.output)
        print(f"\npage: {page}")
    return 0
