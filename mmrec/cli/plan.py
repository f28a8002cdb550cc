"""``mmrec plan``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command

EXAMPLES = """
mmrec plan config_files/demo.yml
mmrec plan config_files/demo.yml --probe
mmrec plan config_files/demo.yml --json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    plan = add_command(
        commands, "plan", _plan, "what a run would need: memory, steps, time", EXAMPLES
    )
    plan.add_argument("config", metavar="CONFIG", help="the experiment file (YAML)")
    plan.add_argument(
        "--probe",
        action="store_true",
        help="also measure short runs of each model, in processes of their own",
    )
    plan.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="where relative paths of the experiment start"
    )
    plan.add_argument("--json", action="store_true", help="print plain data instead of a table")


def _plan(options: argparse.Namespace) -> int:
    """Say what the trials of an experiment file would need, without running them.

    For each model: the peak memory of its smallest and largest trial, steps and evaluations, and
    a warning where something does not fit. The splits are read, and one vector of each loader.

    --probe builds up to eight trials of each model that cost differently, the largest first, takes
    a few steps of each and evaluates it once. Trials that cost the same count at the same speed;
    those of sizes that were not measured at a mean, and the output says which were. Early stopping
    makes trials shorter.
    """
    from mmrec.config import read_experiment
    from mmrec.reporting.forecast import forecast_as_plain, forecast_lines
    from mmrec.search.forecast import make_forecast

    loaded = read_experiment(Path(options.config), options.base_dir)
    forecast = make_forecast(loaded, probing=options.probe)
    if options.json:
        print(json.dumps(forecast_as_plain(forecast), indent=2))
    else:
        print("\n".join(forecast_lines(forecast)))
    return 0
