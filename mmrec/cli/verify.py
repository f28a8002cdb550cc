"""``mmrec verify``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command, add_trust, asking_for_trust

EXAMPLES = """
mmrec verify results/demo/performance/run_2026_01_31_12_00_00
mmrec verify results/demo/performance/run_2026_01_31_12_00_00 --trial LATTICE_0a1b
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    verify = add_command(
        commands, "verify", _verify, "run a finished run again and compare", EXAMPLES
    )
    verify.add_argument("run", type=Path, metavar="RUN", help="the folder of the run")
    verify.add_argument("--trial", metavar="ID", help="verify only this trial")
    verify.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="the folder that relative paths start from"
    )
    add_trust(verify)
    verify.add_argument("--quiet", action="store_true", help="print only warnings and the result")


def _verify(options: argparse.Namespace) -> int:
    """Run the trials of a finished run again and compare every loss, weight, list and figure.

    External models of the run are executed if an experiment of yours has executed the same file,
    or with --trust.

    Exit code 0: identical. 3: different; the first difference of each trial is printed.
    """
    from mmrec.verify.verification import verify_run

    verify = partial(
        verify_run,
        *(options.run, options.trial),
        base_dir=options.base_dir,
        progress=not options.quiet,
    )
    verification = asking_for_trust(verify, trust=options.trust)
    print(verification)
    return 0 if verification.is_identical else 3
