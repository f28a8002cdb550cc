"""The command line: ``mmrec run | verify | diff | evaluate | convert``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.errors import MmrecError

if TYPE_CHECKING:
    from mmrec.evaluation import FileEvaluation
    from mmrec.reporting import Results

EXAMPLES = """examples:
  mmrec run config_files/demo.yml
  mmrec verify results/demo/performance/run_2026_01_31_12_00_00
  mmrec evaluate --recs lists.tsv --train train.txt --test test.txt --cutoffs 10 20
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: all is well. 1: a trial failed, or two runs differ. 2: an error that the user can mend.
    3: a run could not be repeated. 128 and more: stopped by a signal.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    _log_to_terminal(verbose=options.verbose, quiet=getattr(options, "quiet", False))
    try:
        code: int = options.command(options)
    except MmrecError as error:
        print(f"mmrec: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        print(f"mmrec: {interruption or 'interrupted'}", file=sys.stderr)
        return 128 + getattr(interruption, "signal", signal.SIGINT)
    return code


def _log_to_terminal(*, verbose: bool, quiet: bool) -> None:
    """Show mmrec's log: all of it, what one should know, or warnings alone."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    logging.basicConfig(format="%(levelname)s: %(message)s", handlers=[handler])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mmrec",
        description="Multimodal recommendation experiments from one YAML file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run an experiment file", description=_run.__doc__)
    run.add_argument("config", help="the experiment file (YAML)")
    run.add_argument("--quiet", action="store_true", help="no progress bars")
    run.add_argument("--workers", type=int, metavar="N", help="run N trials side by side")
    run.add_argument(
        "--fresh", action="store_true", help="start anew instead of going on with an unfinished run"
    )
    run.add_argument(
        "--verify", action="store_true", help="then run all again, and compare (see verify)"
    )
    run.set_defaults(command=_run)

    verify = commands.add_parser(
        "verify", help="run a finished run again and compare", description=_verify.__doc__
    )
    verify.add_argument("run", type=Path, metavar="RUN", help="the folder of the run")
    verify.add_argument("--trial", metavar="ID", help="only this trial")
    verify.add_argument(
        "--base-dir", type=Path, metavar="DIR", help="where relative paths of the experiment start"
    )
    verify.add_argument("--quiet", action="store_true", help="no progress bars")
    verify.set_defaults(command=_verify)

    diff = commands.add_parser(
        "diff", help="explain how two runs differ", description=_diff.__doc__
    )
    diff.add_argument("one", type=Path, metavar="RUN_A", help="the folder of a run")
    diff.add_argument("other", type=Path, metavar="RUN_B", help="the folder of the other")
    diff.set_defaults(command=_diff)

    convert = commands.add_parser(
        "convert", help="rewrite item vectors in another format", description=_convert.__doc__
    )
    convert.add_argument("source", type=Path, metavar="SOURCE", help="a file or folder of vectors")
    convert.add_argument("target", type=Path, metavar="TARGET", help="must not exist")
    convert.add_argument("--from", dest="source_format", metavar="FORMAT", help="of the source")
    convert.add_argument("--to", dest="target_format", metavar="FORMAT", help="of the target")
    convert.set_defaults(command=_convert)

    evaluate = commands.add_parser(
        "evaluate", help="score a file of recommendations", description=_evaluate.__doc__
    )
    evaluate.add_argument("--recs", type=Path, required=True, help="TSV of user, item, score")
    evaluate.add_argument("--train", type=Path, required=True, help="the training split")
    evaluate.add_argument("--test", type=Path, required=True, help="the held-out split")
    evaluate.add_argument("--metrics", nargs="+", default=["Recall", "nDCG"], metavar="NAME")
    evaluate.add_argument("--cutoffs", nargs="+", type=int, default=[10, 20], metavar="K")
    evaluate.add_argument("--relevance-threshold", type=float, default=0.0, metavar="T")
    evaluate.add_argument("--json", type=Path, metavar="OUT", help="also write the figures there")
    evaluate.set_defaults(command=_evaluate)
    for command in (run, verify, diff, convert, evaluate):
        command.add_argument("--verbose", action="store_true", help="say more")
    return parser


def _run(options: argparse.Namespace) -> int:
    """Run every trial of an experiment file and write tables, manifest and report."""
    from mmrec.run import run_experiment  # here, so that --help does not wait for torch

    results = run_experiment(
        Path(options.config),
        progress=not options.quiet,
        workers=options.workers,
        fresh=options.fresh,
    )
    print(_summary(results))
    code = 1 if results.n_failed else 0
    return _verified_apart(results.folder, quiet=options.quiet) or code if options.verify else code


def _verified_apart(folder: Path, *, quiet: bool) -> int:
    """Verify a run in a process of its own, which shares nothing with the one that made it."""
    print(flush=True)
    command = [sys.executable, "-m", "mmrec.cli", "verify", str(folder)]
    return subprocess.run([*command, *(["--quiet"] if quiet else [])], check=False).returncode


def _verify(options: argparse.Namespace) -> int:
    """Run the trials of a finished run again and compare every loss, weight, list and figure.

    Exit code 0: identical. 3: different; what differs first is printed.
    """
    from mmrec.verify import verify_run

    verification = verify_run(
        options.run, options.trial, base_dir=options.base_dir, progress=not options.quiet
    )
    print(verification)
    return 0 if verification.is_identical else 3


def _diff(options: argparse.Namespace) -> int:
    """Explain how two runs differ: config, data, environment, protocol and trials.

    Reads what the runs have recorded and runs nothing. Exit code 0: the same. 1: different.
    """
    from mmrec.verify import diff_runs

    difference = diff_runs(options.one, options.other)
    print(difference)
    return 0 if difference.is_equal else 1


def _summary(results: Results) -> str:
    lines = []
    if len(results.best):
        shown = [c for c in results.best.columns if not c.startswith("validation ")]
        lines.append(results.best[shown].to_string(index=False, float_format="{:.4f}".format))
    failed = results.trials[results.trials["status"] == "failed"]
    lines += [f"failed: {row.trial}: {row.error}" for row in failed.itertuples()]
    return "\n".join([*lines, "", f"results: {results.folder}", f"report:  {results.report}"])


def _convert(options: argparse.Namespace) -> int:
    """Rewrite the vectors of a file or folder, and prove that they are the same.

    Formats are told by the name: a folder of <item>.npy, .npy with an id file beside it, .npz,
    .safetensors, .pt, .parquet, .csv, .tsv.
    """
    from mmrec.features.convert import convert

    report = convert(
        options.source,
        options.target,
        source_format=options.source_format,
        target_format=options.target_format,
    )
    print("\n".join(report.lines()))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    """Score a file of recommendations (TSV: user, item, score) against a held-out split."""
    from mmrec.evaluation import evaluate_file
    from mmrec.files import write_atomically

    result = evaluate_file(
        options.recs,
        options.train,
        options.test,
        metrics=options.metrics,
        cutoffs=options.cutoffs,
        relevance_threshold=options.relevance_threshold,
    )
    print(_figures(result))
    if options.json is not None:
        facts = {"figures": result.figures, "users": result.n_users}
        write_atomically(options.json, json.dumps(facts, indent=2) + "\n")
    return 0


def _figures(result: FileEvaluation) -> str:
    width = max(map(len, result.figures))
    lines = [f"{label:<{width}}  {value:.6f}" for label, value in result.figures.items()]
    return "\n".join([*lines, f"over {result.n_users} users"])


if __name__ == "__main__":
    sys.exit(main())
