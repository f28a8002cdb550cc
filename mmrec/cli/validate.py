"""``mmrec validate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_changes, add_command, changed
from mmrec.cli.terminal import say
from mmrec.errors import ConfigError

EXAMPLES = """
mmrec validate config_files/demo.yml
mmrec validate config_files/*.yml
mmrec validate config_files/demo.yml --set models.LATTICE.lr=0.001
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    validate = add_command(
        commands, "validate", _validate, "check experiment files without training", EXAMPLES
    )
    validate.add_argument(
        "configs", nargs="+", type=Path, metavar="CONFIG", help="an experiment file (YAML)"
    )
    add_changes(validate)


def _validate(options: argparse.Namespace) -> int:
    """Check experiment files: keys, names, values, every point of a search, and that files exist.

    Nothing is trained, and no split or vector is read. Exit code 0: all files are valid. 2: a file
    is not; every problem is printed with its file and line, or with the option that it comes from.
    """
    return max([_check(path, options) for path in options.configs])


def _check(path: Path, options: argparse.Namespace) -> int:
    from mmrec.config import dataset_names, documents_of
    from mmrec.experiments import check_all
    from mmrec.planning.notes import search_notes
    from mmrec.text import counted

    try:
        document, folder = changed(path, options)
        documents = documents_of(document)
        checked = check_all(documents, folder)
    except ConfigError as error:
        say(error)
        return 2
    notes = [note for loaded, plan in checked for note in (*loaded.notes, *search_notes(plan))]
    for note in dict.fromkeys(notes):
        print(note)
    plans = [plan for _, plan in checked]
    counts = [
        counted(len(plans[0].models), "model"),
        counted(sum(plan.n_trials for plan in plans), "trial"),
    ]
    if len(plans) > 1:
        counts.append(f"on {', '.join(dataset_names(document))}")
    print(f"{path}: ok ({', '.join(counts)})")
    return 0
