"""``mmrec validate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmrec.cli.arguments import Commands, add_changes, add_command, changed
from mmrec.cli.terminal import say
from mmrec.errors import ConfigError
from mmrec.libraries import without_libraries

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
    checked = without_libraries(lambda: [_check(path, options) for path in options.configs])
    for code, text in checked:
        if code == 0:
            print(text)
        else:
            say(text)
    return max(code for code, _ in checked)


def _check(path: Path, options: argparse.Namespace) -> tuple[int, str]:
    """Return the exit code of a file and what is printed about it."""
    from mmrec.config import dataset_names, documents_of
    from mmrec.experiments import check_all
    from mmrec.planning.notes import search_notes
    from mmrec.text import counted

    try:
        document, folder = changed(path, options)
        documents = documents_of(document)
        checked = check_all(documents, folder)
    except ConfigError as error:
        return 2, str(error)
    notes = [note for loaded, plan in checked for note in (*loaded.notes, *search_notes(plan))]
    plans = [plan for _, plan in checked]
    counts = [
        counted(len(plans[0].models), "model"),
        counted(sum(plan.n_trials for plan in plans), "trial"),
    ]
    if len(plans) > 1:
        counts.append(f"on {', '.join(dataset_names(document))}")
    return 0, "\n".join([*dict.fromkeys(notes), f"{path}: ok ({', '.join(counts)})"])
