"""``mmrec doctor``."""

from __future__ import annotations

import argparse

from mmrec.cli.arguments import Commands, add_command
from mmrec.cli.health import diagnose

EXAMPLES = """
mmrec doctor
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "doctor", _doctor, "what this installation can do", EXAMPLES)


def _doctor(options: argparse.Namespace) -> int:
    """Report what this installation can do: versions, GPUs, threads, graph kernels, extras.

    Exit code 0: experiments can run. 1: something that they need is missing or broken.
    """
    is_usable = True
    for finding in diagnose():
        print(finding)
        is_usable = is_usable and not finding.is_fatal
    return 0 if is_usable else 1
