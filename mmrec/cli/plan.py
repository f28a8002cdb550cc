"""``mmrec plan``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command

EXAMPLES = """
mmrec plan config_files/demo.yml
mmrec plan config_files/demo.yml --json
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    plan = add_command(
        commands, "plan", _plan, "what a run would do: trials, steps, evaluations, data", EXAMPLES
    )
    plan.add_argument("config", metavar="CONFIG", help="the experiment file (YAML)")
    plan.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="the folder that relative paths start from"
    )
    plan.add_argument("--json", action="store_true", help="print JSON instead of text")


def _plan(options: argparse.Namespace) -> int:
    """Report the trials, steps and evaluations of an experiment, and its data, without running it.

    The splits are read, and one vector of each loader.
    """
    from mmrec.config import read_experiment
    from mmrec.execution.workbench import threads_of_trial
    from mmrec.planning.counts import count_trials
    from mmrec.planning.datasets import feature_widths, load_splits
    from mmrec.planning.outline import as_plain, outline
    from mmrec.planning.plan import make_plan
    from mmrec.training.determinism import resolve_device

    plan = make_plan(read_experiment(Path(options.config), options.base_dir))
    execution = plan.experiment.execution
    devices = [resolve_device(gpu)[0] for gpu in execution.devices or (plan.experiment.gpu,)]
    datasets = load_splits(plan)
    describe = as_plain if options.json else outline
    described = describe(
        plan,
        count_trials(plan, datasets),
        datasets,
        feature_widths(plan, datasets[0]),
        devices,
        workers=execution.workers,
        threads=threads_of_trial(execution, execution.workers),
    )
    print(json.dumps(described, indent=2) if options.json else "\n".join(described))
    return 0
