"""What importing a part of the package leaves alone: what not everybody has, or what is slow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(json.dumps([name, [*sys.modules]]))
"""
PARTS = {
    "mmrec.config": ("torch",),
    "mmrec.testing": ("pytest", "matplotlib"),
    "mmrec.reporting.page": ("matplotlib",),
    "mmrec.experiment": ("scipy.stats", "matplotlib", "mlflow", "optuna", "ray", "tensorboard"),
}
"""Parts in the order in which one process imports them, and what is not to come with them."""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """All modules that are loaded once a part is imported."""
    command = [sys.executable, "-c", PROGRAM, *PARTS]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize(("part", "packages"), PARTS.items(), ids=PARTS)
def test_importing_a_part_loads_no(
    imported: dict[str, list[str]], part: str, packages: tuple[str, ...]
) -> None:
    assert part in imported[part]
    assert not set(packages) & set(imported[part])
