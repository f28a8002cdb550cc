"""Run the tutorial's two experiments on another data set and compare with recorded runs.

    python scripts/reproduce_reference.py DATA_FOLDER --runs runs.json

Runs ``config_files/hands_on_lightgcnm.yml`` and ``hands_on_lattice.yml``, changing only the folder
and name of the data set, the batch size, the seeds, and, to match the recorded runs, the epochs and
the validation rate. Prints the mean over the seeds next to the recorded mean, and exits with 1 if a
difference exceeds the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from mmrec.experiment import run_experiment

CONFIGS = Path(__file__).parents[1] / "config_files"
TOLERANCE = {"Recall@20": 0.010, "nDCG@20": 0.007, "validation Recall@20": 0.010}


def main() -> int:
    """Run both models and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "data", type=Path, help="train.txt, val.txt, test.txt, image_feat, text_feat"
    )
    parser.add_argument("--runs", type=Path, help="the recorded runs (JSON)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[123, 7, 2024])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--validation-rate", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--output", type=Path, default=Path("results"))
    options = parser.parse_args()
    recorded = json.loads(options.runs.read_text())["models"] if options.runs else {}
    too_far = 0
    for model, file in (
        ("LightGCNM", "hands_on_lightgcnm.yml"),
        ("LATTICE", "hands_on_lattice.yml"),
    ):
        results = run_experiment(experiment(CONFIGS / file, options), base_dir=CONFIGS)
        columns = ["trial", "best_epoch", *TOLERANCE]
        print(results.trials[columns].to_string(index=False))
        for figure, tolerance in TOLERANCE.items():
            mean = results.trials[figure].mean()
            line = f"{model} {figure}: mean {mean:.5f}"
            if model in recorded:
                difference = mean - recorded[model]["mean"][figure]
                too_far += abs(difference) > tolerance
                line += f", recorded {recorded[model]['mean'][figure]:.5f}, difference "
                line += f"{difference:+.5f} (tolerance {tolerance})"
            print(line, flush=True)
    return 1 if too_far else 0


def experiment(path: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the experiment of a file with the data, seeds and epochs of the options."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    settings = config["experiment"]
    settings["dataset"] = options.data.resolve().name
    data = settings["data_config"]
    for key in ("train_path", "validation_path", "test_path"):
        data[key] = str(options.data.resolve() / Path(data[key]).name)
    for entry in data["side_information"]:
        for key in entry.keys() & {"visual_features", "textual_features"}:
            entry[key] = str(options.data.resolve() / Path(entry[key]).name)
    for name, folder in (("result", "recs"), ("weight", "weights"), ("performance", "performance")):
        settings[f"path_output_rec_{name}"] = str(options.output.resolve() / "{0}" / folder)
    (model,) = settings["models"].values()
    model["meta"]["validation_rate"] = options.validation_rate
    model |= {"batch_size": options.batch_size, "epochs": options.epochs, "seed": options.seeds}
    return config


if __name__ == "__main__":
    sys.exit(main())
