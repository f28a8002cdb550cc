"""Exit codes, logs and optional libraries of the scripts."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from mmrec.errors import DataError, MmrecError
from mmrec.installation import install_hint


def exit_code(action: Callable[[], None]) -> int:
    """Run a script and print errors as messages instead of tracebacks.

    Returns:
        0: success. 2: an error that the user can correct. 130: interrupted.
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
    """Import a module of the extra ``prepare``.

    Raises:
        DataError: it is not installed, or its installation is broken.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise DataError(f"{error}: {install_hint('prepare')}") from error
    except Exception as error:  # builds for another torch raise many types of exceptions
        raise DataError(f"{name} is installed but cannot be imported: {error}") from error


def positive(text: str) -> int:
    """Return a whole number above 0, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
