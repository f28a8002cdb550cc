"""The command line, ``mmrec COMMAND``; each module of this package is a command.

Nothing here imports torch before a command needs it, so ``mmrec --help`` is quick.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from mmrec import __version__
from mmrec.cli import (
    convert,
    diff,
    doctor,
    evaluate,
    new_model,
    plan,
    report,
    run,
    schema,
    show,
    validate,
    verify,
)
from mmrec.cli.terminal import log_to_terminal
from mmrec.errors import MmrecError

COMMANDS = (
    *(validate, plan, run, show, report, verify, diff, evaluate, convert),
    *(new_model, schema, doctor),
)
"""The modules of the commands, in the order of the help; each has ``add_to(commands)``."""

EXAMPLES = """examples:
  mmrec validate config_files/demo.yml
  mmrec plan config_files/demo.yml
  mmrec run config_files/demo.yml
  mmrec show results/demo/performance/run_2026_01_31_12_00_00 --user 17
  mmrec verify results/demo/performance/run_2026_01_31_12_00_00

`mmrec COMMAND --help` describes a command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: success. 1: a trial failed, or two runs differ. 2: an error that the user can fix.
    3: a run could not be reproduced. 128 and above: stopped by a signal.
    """
    options = _parser().parse_args(arguments)
    log_to_terminal(verbose=options.verbose, quiet=getattr(options, "quiet", False))
    try:
        code: int = options.command(options)
        sys.stdout.flush()
    except MmrecError as error:
        print(f"mmrec: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of the output, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt as interruption:
        print(f"mmrec: {str(interruption) or 'interrupted'}", file=sys.stderr)
        return 128 + getattr(interruption, "signal", signal.SIGINT)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mmrec",
        description="Multimodal recommendation experiments from one YAML file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mmrec {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for module in COMMANDS:
        module.add_to(commands)
    return parser
