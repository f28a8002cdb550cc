"""``mmrec report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command

EXAMPLES = """
mmrec report results/demo/performance/run_2026_01_31_12_00_00
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    report = add_command(
        commands, "report", _report, "write the tables and the report of a run again", EXAMPLES
    )
    report.add_argument("run", type=Path, metavar="RUN", help="the folder of the run")
    report.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="where relative paths of the experiment start"
    )


def _report(options: argparse.Namespace) -> int:
    """Write the tables and the report of a finished run again, from what it has recorded.

    Nothing is trained and no data are read. With the version that made the run, every file gets
    the bytes that it had.
    """
    from mmrec.inspection import rewrite_report

    rewritten = rewrite_report(options.run, options.base_dir)
    for name in rewritten.changed:
        print(f"not as the run wrote it: {name}")
    print(f"results:   {rewritten.results.folder}")
    print(f"report:    {rewritten.results.report}")
    return 0
