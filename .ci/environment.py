"""Check that the environment has pinned packages only, at their versions.

A package that is left from earlier work could hide a missing dependency. ``make torch-sparse`` adds
its packages after the tests that run without them.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

NOT_PINNED = {"mmrec", "pip", "setuptools", "wheel"}
NOT_YET = {"torch-scatter", "torch-sparse"}


def normalised(name: str) -> str:
    """Return a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def problems(constraints: Path) -> list[str]:
    """Return the installed packages that a new environment would not have."""
    lines = [line.partition("==") for line in constraints.read_text().splitlines()]
    pins = {normalised(name): version for name, equals, version in lines if equals}
    found = {normalised(x.name): x.version.partition("+")[0] for x in distributions()}
    return [
        f"{name} {version}: expected {pins.get(name, 'none') if name not in NOT_YET else 'none'}"
        for name, version in sorted(found.items())
        if name not in NOT_PINNED and (version != pins.get(name) or name in NOT_YET)
    ]


if __name__ == "__main__":
    wrong = problems(Path(__file__).parents[1] / "constraints.txt")
    if wrong:
        sys.exit("\n".join([*wrong, "the environment is not that of a clean clone: make clean"]))
