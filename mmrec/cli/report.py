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


def _report(options: argparse.Namespace) -> int:
    """Write the tables and the report of a finished run again, from the records of the run.

    Nothing is trained, and neither data nor models are needed. With the versions of the run,
    every file gets the same bytes.
    """
    from mmrec.reporting.report import rebuild_report

    results = rebuild_report(options.run)
    print(f"results:   {results.folder}")
    print(f"report:    {results.report}")
    return 0
