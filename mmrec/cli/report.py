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
    """Write the tables and the report of a run again, from the records of the run.

    Nothing is trained, and neither data nor models are needed. With the versions of the run,
    every file gets the same bytes.

    A run that is running or was interrupted gets a report on the trials that have ended, in its
    folder 'partial', which is removed when the run finishes. The run is not disturbed.
    """
    from mmrec.reporting.partial import report_run

    report, unfinished = report_run(options.run)
    if unfinished is not None:
        print(f"partial:   the run {unfinished}")
    print(f"results:   {report.parent}")
    print(f"report:    {report}")
    return 0
