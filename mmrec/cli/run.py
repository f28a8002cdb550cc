"""``mmrec run``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.cli.arguments import Commands, add_changes, add_command, changed, count

if TYPE_CHECKING:
    import pandas as pd

    from mmrec.reporting.results import Results

EXAMPLES = """
mmrec run config_files/demo.yml
mmrec run config_files/demo.yml --workers 2
mmrec run config_files/demo.yml --quiet --verify
mmrec run config_files/demo.yml --set models.LATTICE.lr=0.001 --models LATTICE,MostPop
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    run = add_command(commands, "run", _run, "run an experiment file", EXAMPLES)
    run.add_argument("config", metavar="CONFIG", help="the experiment file (YAML)")
    add_changes(run)
    run.add_argument("--quiet", action="store_true", help="print only warnings and the result")
    run.add_argument("--workers", type=count, metavar="N", help="run N trials at the same time")
    run.add_argument(
        "--fresh", action="store_true", help="start a new run instead of resuming an unfinished one"
    )
    run.add_argument(
        "--verify", action="store_true", help="then run everything again and compare (see verify)"
    )


def _run(options: argparse.Namespace) -> int:
    """Run every trial of an experiment file and write tables, manifest and report.

    The plan and the progress go to standard error, the result to standard output. Ctrl-C saves
    the state; the same command resumes the run. Exit code 0: every trial finished. 1: a trial
    failed; the others were run. 2: the file or its data are wrong, and nothing was trained.

    With a list of data sets, the experiment is run on each of them, and the runs are compared.
    """
    from mmrec.experiments import run_experiments

    document, folder = changed(options.config, options)
    done = run_experiments(
        document,
        base_dir=folder,
        progress=not options.quiet,
        verbose=options.verbose,
        workers=options.workers,
        fresh=options.fresh,
    )
    runs = list(done.results.values())
    print("\n\n".join(map(_summary, runs)))
    if done.comparison is not None:
        print(f"\n{done.comparison.to_markdown()}\ncomparison: {done.page}")
    code = 1 if any(results.n_failed for results in runs) else 0
    if not options.verify:
        return code
    verified = [_verify(results.folder, quiet=options.quiet) for results in runs]
    return next(filter(None, verified), code)


def _verify(folder: Path, *, quiet: bool) -> int:
    """Verify a run in a new process, which shares nothing with the process of the run."""
    print(flush=True)
    command = [sys.executable, "-m", "mmrec", "verify", "--trust", str(folder)]
    return subprocess.run([*command, *(["--quiet"] if quiet else [])], check=False).returncode


def _table(best: pd.DataFrame) -> str:
    """Return a row for each model, or a column if the rows are wider than the terminal."""
    from mmrec.reporting.run_tables import readable

    texts = readable(best)
    rows = texts.to_string(index=False)
    fits = len(rows.partition("\n")[0]) <= shutil.get_terminal_size().columns
    if fits or not sys.stdout.isatty():
        return rows
    return texts.T.to_string(header=False)


def _summary(results: Results) -> str:
    lines = []
    if len(results.best):
        shown = [c for c in results.best.columns if not c.startswith("validation ")]
        lines.append(_table(results.best[shown]))
    failed = results.trials[results.trials["status"] == "failed"]
    lines += [f"failed: {row.trial}: {row.error}" for row in failed.itertuples()]
    return "\n".join(
        [
            *lines,
            "",
            f"results:   {results.folder}",
            f"report:    {results.report}",
            f"reproduce: mmrec verify {results.folder}",
        ]
    )
