"""The command line: ``mmrec run | evaluate``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
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
  mmrec evaluate --recs lists.tsv --train train.txt --test test.txt --cutoffs 10 20
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 after an error the user can mend, or 1 if a trial failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(
        format="%(levelname)s: %(message)s",
        level=logging.DEBUG if options.verbose else logging.WARNING,
    )
    try:
        code: int = options.command(options)
    except MmrecError as error:
        print(f"mmrec: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        print(f"mmrec: {interruption or 'interrupted'}", file=sys.stderr)
        return 128 + getattr(interruption, "signal", signal.SIGINT)
    return code


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
    run.set_defaults(command=_run)

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
    for command in (run, evaluate):
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
    return 1 if results.n_failed else 0


def _summary(results: Results) -> str:
    lines = []
    if len(results.best):
        shown = [c for c in results.best.columns if not c.startswith("validation ")]
        lines.append(results.best[shown].to_string(index=False, float_format="{:.4f}".format))
    failed = results.trials[results.trials["status"] == "failed"]
    lines += [f"failed: {row.trial}: {row.error}" for row in failed.itertuples()]
    return "\n".join([*lines, "", f"results: {results.folder}", f"report:  {results.report}"])


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
