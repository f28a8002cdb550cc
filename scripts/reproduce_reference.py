"""Train models with recorded hyper-parameters and compare with the figures of public code.

    python scripts/reproduce_reference.py                      # every run of recorded_runs.yml
    python scripts/reproduce_reference.py LightGCN EASER       # some of them
    python scripts/reproduce_reference.py --list
    python scripts/reproduce_reference.py --csv docs/recorded_runs.csv   # for the documentation

``reproducing/recorded_runs.yml`` names for each run the data set, the model with its
hyper-parameters, and where in the recordings (``../shared``) the figures of the public code are.
Both sides select the best epoch by validation Recall@20. The random draws differ from those of the
public code, so single seeds differ too: each figure is a mean over seeds, and its spread is the
larger range over the seeds of the two sides. A difference beyond the spread is marked.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from mmrec.experiment import run_experiment  # noqa: E402
from mmrec.files import write_atomically  # noqa: E402
from reproducing.experiments import experiment  # noqa: E402

SHARED = ROOT.parent / "shared"
SEEDS = (123, 7, 2024)
FIGURES = {
    "validation Recall@20": ("validation Recall@20", "val_recall20"),
    "Recall@20": ("Recall@20", "test Recall@20", "test_recall20"),
    "nDCG@20": ("nDCG@20", "test nDCG@20 (binary)", "test_ndcg20"),
}
"""Names of each figure in the recordings."""

COLUMNS = ("run", "data", "seeds", "figure", "recorded", "mmrec", "difference", "spread", "mark")

ROUNDING = 1e-5
"""Figures of models without random draws are recorded with five digits."""

NDCG = {"binary": "nDCGRendle2020", "graded": "nDCG"}
"""The metric that has the gains of a recorded nDCG."""


@dataclass(frozen=True)
class Side:
    """A figure of one implementation over its seeds."""

    values: Sequence[float]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return sum(self.values) / len(self.values)

    @property
    def range(self) -> float:
        """Largest minus smallest value."""
        return max(self.values) - min(self.values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and compare; print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names in recorded_runs.yml")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the runs")
    parser.add_argument("--csv", type=Path, help="write the rows into this table, run by run")
    options = parser.parse_args(arguments)
    known = yaml.safe_load((ROOT / "scripts/reproducing/recorded_runs.yml").read_text())
    if unknown := set(options.runs) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; accepted: {', '.join(known)}")
    if options.list:
        print("\n".join(known))
        return 0
    print(f"| {' | '.join(COLUMNS[:-1])} | |")
    print("|---|---|---|---|--:|--:|--:|--:|---|")
    for name in options.runs or known:
        run = known[name]
        theirs = recorded(run)
        ours = trained(run, options.seeds, options.output)
        seeds = " / ".join(str(len(side["Recall@20"].values)) for side in (theirs, ours))
        rows = []
        for figure in FIGURES:
            cells = [name, run["data"], seeds, figure, *compared(theirs[figure], ours[figure])]
            print(f"| {' | '.join(cells)} |", flush=True)
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
        if options.csv is not None:
            write_rows(options.csv, rows, known)
    return 0


def write_rows(path: Path, rows: Sequence[Mapping[str, str]], known: Mapping[str, Any]) -> None:
    """Put the rows of a run into a table, in place of earlier ones of the same run.

    Runs are in the order of recorded_runs.yml; a column says of which model a run is.
    """
    kept = list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []
    new = {row["run"] for row in rows}
    table = [*(row for row in kept if row["run"] not in new and row["run"] in known), *rows]
    table.sort(key=lambda row: [*known].index(row["run"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, (*COLUMNS, "model"), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "model": next(iter(known[row["run"]]["model"]))} for row in table)
    write_atomically(path, text.getvalue())


def compared(theirs: Side, ours: Side) -> list[str]:
    """Return both means, their difference, the spread, and a mark."""
    difference, spread = ours.mean - theirs.mean, max(theirs.range, ours.range)
    mark = "" if abs(difference) <= spread + ROUNDING else "beyond"
    return [f"{theirs.mean:.4f}", f"{ours.mean:.4f}", f"{difference:+.4f}", f"{spread:.4f}", mark]


def recorded(run: Mapping[str, Any]) -> dict[str, Side]:
    """Return the recorded figures of a run."""
    found = json.loads((SHARED / run["recording"]).read_text())
    for key in run.get("at", ()):
        found = found[key]
    seeds = found.get("seeds", {"": found}).values()
    return {
        figure: Side([next(seed[x] for x in names if x in seed) for seed in seeds])
        for figure, names in FIGURES.items()
    }


def trained(run: Mapping[str, Any], seeds: Sequence[int], output: Path) -> dict[str, Side]:
    """Train a run's model from each seed and return the figures."""
    (name, given), data = next(iter(run["model"].items())), SHARED / "data" / run["data"]
    meta = {"validation_metric": "Recall@20"}
    if "validation_rate" in run:
        meta["validation_rate"] = run["validation_rate"]
    settings = {**given, "meta": meta}
    if run.get("seeds", True):
        settings["seed"] = [*seeds]
    ndcg = NDCG[run.get("gains", "binary")]
    content = experiment(
        data, {name: settings}, ["Recall", ndcg], output, tuple(run.get("loaders", ()))
    )
    content["experiment"]["execution"] = {"threads": 1}
    trials = run_experiment(content, base_dir=ROOT, progress=False).trials
    columns = {figure: figure.replace("nDCG", ndcg) for figure in FIGURES}
    return {figure: Side(trials[column].tolist()) for figure, column in columns.items()}


if __name__ == "__main__":
    sys.exit(main())
