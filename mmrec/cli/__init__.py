"""The command line, ``mmrec COMMAND``; each module of this package is a command.

Nothing here imports torch before a command needs it, so ``mmrec --help`` is quick.
"""

from __future__ import annotations

import argparse
import errno
import logging
import signal
from collections.abc import Sequence

from mmrec import __version__
from mmrec.cli import (
    compare,
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
from mmrec.cli.terminal import end_output, log_to_terminal, prepare_streams, say
from mmrec.errors import MmrecError

logger = logging.getLogger(__name__)

COMMANDS = (
    *(validate, plan, run, show, report, verify, diff, compare, evaluate, convert),
    *(new_model, schema, doctor),
)
"""The modules of the commands, in the order of the help; each has ``add_to(commands)``."""

_OF_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT)
"""Errors of writing. Files are written by functions that raise a WriteError, so an error of these
without a path is that of standard output."""

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
    prepare_streams()
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        options.refuse(unknown)
    log_to_terminal(verbose=options.verbose)
    try:
        code: int = options.command(options)
    except MmrecError as error:
        say(f"mmrec: {error}")
        code = 2
    except MemoryError as error:
        say(f"mmrec: not enough memory{f': {error}' if str(error) else ''}")
        code = 2
    except OSError as error:
        code = _system_error(error)
    except KeyboardInterrupt as interruption:
        say(f"mmrec: {str(interruption) or 'interrupted'}")
        code = 128 + getattr(interruption, "signal", signal.SIGINT)
    unwritten = end_output()
    return code if unwritten is None else _unwritten(unwritten)


def _system_error(error: OSError) -> int:
    """Report an error of the system that the command has no message for; return the exit code."""
    if error.filename is None and error.errno in _OF_OUTPUT:
        return _unwritten(error)
    logger.debug("%s", error, exc_info=True)
    reason = error.strerror or f"{type(error).__name__}: {error}"
    say(f"mmrec: {reason if error.filename is None else f'{error.filename}: {reason}'}")
    return 2


def _unwritten(error: OSError) -> int:
    """Report that standard output cannot be written; return the exit code."""
    end_output()
    if isinstance(error, BrokenPipeError):  # its reader, such as head, has closed it
        return 128 + signal.SIGPIPE
    say(f"mmrec: standard output cannot be written: {error.strerror or error}")
    return 2


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
