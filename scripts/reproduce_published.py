"""Repeat the table of Formal-MultiMod-Rec on one of its data sets.

    python scripts/reproduce_published.py office --data data/office

The folder has the form of that repository's data: ``train.txt``, ``val.txt`` and ``test.txt``
(user, item, rating; tabs; no header), ``image_feat`` and ``text_feat`` (a ``.npy`` file for each
item). Every model is trained with the best settings that the repository names for the data set
(``reproducing/published_runs.yml``); the best epoch is selected by validation Recall@20. GRCN is
run as published, with its permuted attention; LATTICE is the one of
Multimodal-RSs-Reproducibility. An interrupted run is resumed by the same command.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent))

from mmrec.errors import MmrecError  # noqa: E402
from mmrec.experiment import run_experiment  # noqa: E402
from reproducing.experiments import experiment  # noqa: E402

DATASETS = ("office", "toys", "beauty", "sports", "clothing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the models and print their figures next to the published ones."""
    runs = yaml.safe_load((ROOT / "scripts/reproducing/published_runs.yml").read_text())
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--data", type=Path, help="its folder; by default data/DATASET")
    parser.add_argument("--models", nargs="+", choices=[*runs], default=[*runs], metavar="MODEL")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--validation-rate", type=int, default=10)
    parser.add_argument("--seed", type=int, default=123)
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder of the runs")
    options = parser.parse_args(arguments)
    data = options.data or ROOT / "data" / options.dataset
    if not data.is_dir():
        parser.exit(
            2,
            f"{data}: no such folder; put the data of Formal-MultiMod-Rec there, or name another "
            "folder with --data\n",
        )
    models = {name: settings(runs[name], options) for name in options.models}
    content = experiment(data, models, ["Recall", "nDCG"], options.output)
    try:
        best = run_experiment(content, base_dir=ROOT).best.set_index("model")
    except MmrecError as error:
        parser.exit(2, f"{error}\n")
    print("| model | best epoch | Recall@20 | published | nDCG@20 | published |")
    print("|---|--:|--:|--:|--:|--:|")
    for name in models:
        recall, ndcg = runs[name]["published"][options.dataset]
        ours = best.loc[name]
        figures = (ours["Recall@20"], recall, ours["nDCG@20"], ndcg)
        cells = [name, f"{ours['best_epoch']:.0f}", *(f"{figure:.4f}" for figure in figures)]
        print(f"| {' | '.join(cells)} |")
    return 0


def settings(run: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the hyper-parameters of a model on the data set of the options."""
    meta = {"validation_metric": "Recall@20", "validation_rate": options.validation_rate}
    common = {"epochs": options.epochs, "batch_size": 1024, "seed": options.seed, "meta": meta}
    return {**common, **run["all"], **run[options.dataset]}


if __name__ == "__main__":
    sys.exit(main())
