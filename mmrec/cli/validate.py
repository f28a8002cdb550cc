"""``mmrec validate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_command
from mmrec.cli.terminal import say
from mmrec.errors import ConfigError

EXAMPLES = """
mmrec validate config_files/demo.yml
mmrec validate config_files/*.yml
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    validate = add_command(
        commands, "validate", _validate, "check experiment files without training", EXAMPLES
    )
    validate.add_argument(
        "configs", nargs="+", type=Path, metavar="CONFIG", help="an experiment file (YAML)"
    )


def _validate(options: argparse.Namespace) -> int:
    """Check experiment files: keys, names, values, every point of a search, and that files exist.

    Nothing is trained, and no split or vector is read. Exit code 0: all files are valid. 2: a file
    is not; every problem is printed with its file and line.
    """
    return max([_check(path) for path in options.configs])


def _check(path: Path) -> int:
    from mmrec.experiment import check_experiment
    from mmrec.planning.notes import search_notes

    try:
        loaded, plan, _ = check_experiment(path)
    except ConfigError as error:
        say(error)
        return 2
    for note in (*loaded.notes, *search_notes(plan)):
        print(note)
    n_models = len(plan.models)
    models = f"{n_models} model{'' if n_models == 1 else 's'}"
    trials = f"{plan.n_trials:,} trial{'' if plan.n_trials == 1 else 's'}"
    print(f"{path}: ok ({models}, {trials})")
    return 0
