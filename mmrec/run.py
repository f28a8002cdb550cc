"""``python -m mmrec.run config.yml`` runs an experiment, as ``mmrec run config.yml`` does."""

from __future__ import annotations

import sys

from mmrec.cli import main
from mmrec.experiment import run_experiment

__all__ = ["run_experiment"]

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
