"""``mmrec diff``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command
from mmrec.libraries import without_libraries

EXAMPLES = """
mmrec diff results/office/performance/run_2026_01_31_12_00_00 ../theirs/run_2026_02_01_09_30_00
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    diff = add_command(commands, "diff", _diff, "explain how two runs differ", EXAMPLES)
    diff.add_argument("one", type=Path, metavar="RUN_A", help="the folder of a run")
    diff.add_argument("other", type=Path, metavar="RUN_B", help="the folder of the other")


def _diff(options: argparse.Namespace) -> int:
    """Explain how two runs differ: config, data, environment, protocol and trials.

    Only the records of the runs are read. Exit code 0: equal. 1: different.
    """
    text, is_equal = without_libraries(lambda: _difference(options.one, options.other))
    print(text)
    return 0 if is_equal else 1


def _difference(one: Path, other: Path) -> tuple[str, bool]:
    from mmrec.verify.diff import diff_runs

    difference = diff_runs(one, other)
    return str(difference), difference.is_equal
