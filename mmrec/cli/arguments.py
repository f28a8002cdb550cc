"""What the commands have in common: how one is added to the command line, and its help."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any


def add_command(
    commands: Commands,
    name: str,
    execute: Callable[[argparse.Namespace], int],
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command and return the parser of its arguments.

    Args:
        commands: the commands there are.
        name: what is typed.
        execute: runs the command and returns the exit code; its docstring is the help.
        summary: its line in ``mmrec --help``.
        examples: lines that can be typed.
    """
    command = commands.add_parser(
        name,
        help=summary,
        description=_filled(execute.__doc__ or ""),
        epilog=f"examples:\n{_indented(examples)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--verbose", action="store_true", help="say more")
    command.set_defaults(command=execute)
    return command


def count(text: str) -> int:
    """Read a whole number from 1 up; argparse says so where it is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted: a whole number from 1 up")
    return int(text)


def _filled(docstring: str) -> str:
    """Break the lines of each paragraph where argparse breaks those of the arguments."""
    width = shutil.get_terminal_size().columns - 2
    return "\n\n".join(
        textwrap.fill(" ".join(paragraph.split()), width, break_on_hyphens=False)
        for paragraph in docstring.strip().split("\n\n")
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line.strip()}" for line in text.strip().splitlines())
