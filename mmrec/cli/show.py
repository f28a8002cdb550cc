"""``mmrec show``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command, add_trust, asking_for_trust, count

EXAMPLES = """
mmrec show results/demo/performance/run_2026_01_31_12_00_00 --user 17
mmrec show results/demo/performance/run_2026_01_31_12_00_00 --user 17 --model LATTICE --top 5
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    show = add_command(commands, "show", _show, "what a run recommends to a user", EXAMPLES)
    show.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    show.add_argument("--user", required=True, metavar="ID", help="the user's id in the data")
    show.add_argument("--model", metavar="NAME", help="default: the best model")
    show.add_argument(
        "--top", type=count, default=10, metavar="K", help="number of items (default: 10)"
    )
    show.add_argument("--titles", type=Path, metavar="FILE", help="TSV of item id and title")
    add_trust(show)
    show.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="the folder that relative paths start from"
    )


def _show(options: argparse.Namespace) -> int:
    """Show what the best trial of a model recommends to a user, and why.

    It prints the user's training items, the recommended items with their scores, and which of
    them are in the user's validation or test items. For a model with an item graph, such as
    LATTICE, it also prints the nearest neighbours of each recommended item, in the learned graph
    and in the graph of the raw features.

    External models of the run are executed if an experiment of yours has executed the same file,
    or with --trust.

    The model's meta needs 'save_weights: True', or 'save_recs: True' to show only the lists.
    """
    from mmrec.data import read_titles
    from mmrec.inspection.user import view_user

    titles = None if options.titles is None else read_titles(options.titles)
    view_of_user = partial(
        view_user,
        *(options.run, options.user),
        model=options.model,
        top_k=options.top,
        base_dir=options.base_dir,
    )
    view = asking_for_trust(view_of_user, trust=options.trust)
    print("\n".join(view.lines(titles)))
    return 0
