"""How threads of OpenMP wait for each other in the processes that mmrec starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

IMPORTS = "import mmrec.training.trainer"
SPAWNS = """
import multiprocessing
import torch  # as in a notebook that has imported it before mmrec
from mmrec.seeding import rng_for
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=rng_for, args=(1,))
    process.start()
    process.join()
"""


def spins_of(tmp_path, program: str, **environment: str) -> list[str]:
    """How long threads spin before they sleep, in each process of a program that loads OpenMP."""
    (tmp_path / "program.py").write_text(program)
    unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    inherited = {key: value for key, value in os.environ.items() if key not in unset}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        env=inherited | {"OMP_DISPLAY_ENV": "verbose"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    spins = re.findall(r"GOMP_SPINCOUNT = '(.*)'", done.stderr)
    if not spins:
        pytest.skip("this torch has another runtime of OpenMP than GNU's")
    return spins


@pytest.mark.slow
def test_threads_that_wait_soon_sleep(tmp_path) -> None:
    assert spins_of(tmp_path, IMPORTS) == ["3000"]


@pytest.mark.slow
def test_what_the_user_has_set_is_respected(tmp_path) -> None:
    assert spins_of(tmp_path, IMPORTS, GOMP_SPINCOUNT="7") == ["7"]
    assert spins_of(tmp_path, IMPORTS, OMP_WAIT_POLICY="PASSIVE") == ["0"]


@pytest.mark.slow
def test_workers_soon_sleep_though_torch_was_loaded_before_mmrec(tmp_path) -> None:
    driver, worker = spins_of(tmp_path, SPAWNS)
    assert driver != "3000"  # it is too late for the process itself
    assert worker == "3000"
