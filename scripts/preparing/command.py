"""What surrounds a script: its exit code, its log, the libraries of the extra ``prepare``."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from mmrec.errors import DataError, MmrecError
from mmrec.text import install_hint


def exit_code(action: Callable[[], None]) -> int:
    """Run the work of a script; say what went wrong in one message instead of a traceback.

    Returns:
        0: all is well. 2: an error that the user can mend. 130: interrupted.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.getLogger("preparing").setLevel(logging.INFO)
    program = Path(sys.argv[0]).stem
    try:
        action()
    except MmrecError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    return 0


def load_extra(name: str) -> ModuleType:
    """Import a module that only the extra ``prepare`` brings.

    Raises:
        DataError: it is not installed, or its installation is broken.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise DataError(f"{error}: {install_hint('prepare')}") from error
    except Exception as error:  # a build for another torch fails in its own ways
        raise DataError(f"{name} is installed but cannot be imported: {error}") from error


def positive(text: str) -> int:
    """Return a whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
