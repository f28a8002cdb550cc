"""``mmrec show``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command, count

EXAMPLES = """
mmrec show results/demo/performance/run_2026_01_31_12_00_00 --user 17
mmrec show results/demo/performance/run_2026_01_31_12_00_00 --user 17 --model LATTICE --top 5
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    show = add_command(commands, "show", _show, "what a run recommends to a user", EXAMPLES)
    show.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    show.add_argument("--user", required=True, metavar="ID", help="as in the files of the data")
    show.add_argument("--model", metavar="NAME", help="by default the one that came out best")
    show.add_argument("--top", type=count, default=10, metavar="K", help="items (default: 10)")
    show.add_argument("--titles", type=Path, metavar="FILE", help="TSV of item id and title")
    show.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="where relative paths of the experiment start"
    )


def _show(options: argparse.Namespace) -> int:
    """Show what the best trial of a model recommends to a user, and what stands behind it.

    The items of the user's training, the best items with their scores, and which of them the
    user took in validation or test. For a model with an item graph, such as LATTICE, also the
    items nearest to each: in the graph that was learned, and in that of the raw features.

    Needs 'save_weights: True' in the model's meta, or 'save_recs: True' for the lists alone.
    """
    from mmrec.data import read_titles
    from mmrec.inspection.user import view_user

    titles = None if options.titles is None else read_titles(options.titles)
    view = view_user(
        options.run,
        options.user,
        model=options.model,
        top_k=options.top,
        base_dir=options.base_dir,
    )
    print("\n".join(view.lines(titles)))
    return 0
