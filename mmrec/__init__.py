"""Multimodal recommendation experiments from one YAML file, reproducible bit for bit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# OpenMP reads this when torch is loaded, and child processes inherit it: threads that wait for
# each other spin briefly and then sleep. By default they spin for milliseconds, and take the cores
# from the threads that they wait for when other programs run too; scripts/benchmarks/busy.py
# measures it. Results do not depend on it.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

__version__ = "0.1.0"
__all__ = ["Comparison", "Results", "__version__", "compare", "run_experiment", "run_experiments"]

if TYPE_CHECKING:
    from mmrec.experiment import run_experiment
    from mmrec.experiments import run_experiments
    from mmrec.reporting.comparing.comparison import Comparison, compare
    from mmrec.reporting.results import Results


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import the public names when they are first used, so that ``import mmrec`` loads no torch."""
    if name == "run_experiment":
        from mmrec.experiment import run_experiment

        return run_experiment
    if name == "run_experiments":
        from mmrec.experiments import run_experiments

        return run_experiments
    if name == "Results":
        from mmrec.reporting.results import Results

        return Results
    if name in ("Comparison", "compare"):
        from mmrec.reporting.comparing import comparison

        return getattr(comparison, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
