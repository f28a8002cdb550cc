"""What the commands share: adding a command to the command line, and its help."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from mmrec.errors import nearest

if TYPE_CHECKING:
    from mmrec.config import Document

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any

T = TypeVar("T")


def add_command(
    commands: Commands,
    name: str,
    execute: Callable[[argparse.Namespace], int],
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a command and return the parser of its arguments.

    Args:
        commands: where to add it.
        name: of the command.
        execute: runs the command and returns the exit code; its docstring is the help.
        summary: the line of the command in ``mmrec --help``.
        examples: command lines.
    """
    command = commands.add_parser(
        name,
        help=summary,
        description=_filled(execute.__doc__ or ""),
        epilog=f"examples:\n{_indented(examples)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--verbose", action="store_true", help="print the log and more progress")
    command.set_defaults(command=execute, refuse=partial(_refuse, command))
    return command


def _refuse(command: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End with the usage of a command, and arguments that it does not have."""
    options = [name for name in command._option_string_actions if name.startswith("--")]
    hints = [nearest(argument.partition("=")[0], options) for argument in unknown]
    texts = [f"{argument}{hint}" for argument, hint in zip(unknown, hints, strict=True)]
    command.error(f"unrecognized arguments: {' '.join(texts)}")


def add_settings(command: argparse.ArgumentParser) -> None:
    """Add the option that changes keys of an experiment; :func:`changed` applies it."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a key below 'experiment', such as models.LATTICE.lr=0.001; may be repeated",
    )


def add_changes(command: argparse.ArgumentParser) -> None:
    """Add the options that change an experiment; :func:`changed` applies them."""
    add_settings(command)
    command.add_argument(
        "--models",
        type=names,
        metavar="NAMES",
        help="run only these models, such as LATTICE,MostPop",
    )


def changed(path: str | Path, options: argparse.Namespace) -> tuple[Document, Path]:
    """Return an experiment file with the changes of the options, and the file's folder.

    Raises:
        ConfigError: the file or an option cannot be read.
    """
    from mmrec.config import open_document, override

    document, folder = open_document(Path(path))
    return override(document, options.settings, getattr(options, "models", None)), folder


def count(text: str) -> int:
    """Parse a whole number from 1 up, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted: a whole number from 1 up")
    return int(text)


def names(text: str) -> list[str]:
    """Parse names that are separated by commas, for argparse."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"found {text!r}; accepted: names separated by commas")
    return found


def add_trust(command: argparse.ArgumentParser) -> None:
    """Add the option that allows the external models of a run to be executed."""
    command.add_argument(
        "--trust",
        action="store_true",
        help="execute the external models of the run, which someone else may have written",
    )


def asking_for_trust(call: Callable[..., T], *, trust: bool) -> T:
    """Call with ``trust``; on a terminal, ask the user if it is missing.

    Raises:
        TrustError: the user does not trust the code.
    """
    from mmrec.errors import TrustError

    try:
        return call(trust=trust)
    except TrustError as error:
        if not sys.stdin.isatty():
            raise
        print(error, file=sys.stderr)
        print("Execute it? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise
        return call(trust=True)


def _filled(docstring: str) -> str:
    """Wrap each paragraph at the width that argparse wraps the arguments at."""
    width = shutil.get_terminal_size().columns - 2
    return "\n\n".join(
        textwrap.fill(" ".join(paragraph.split()), width, break_on_hyphens=False)
        for paragraph in docstring.strip().split("\n\n")
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line.strip()}" for line in text.strip().splitlines())
