"""The estimate of ``mmrec plan --probe`` against the run itself, for a few grids.

    python scripts/benchmarks/estimates.py                      # on the demonstration's data
    python scripts/benchmarks/estimates.py --data FOLDER        # train.txt, val.txt, test.txt
    python scripts/benchmarks/estimates.py --processor-time     # on a busy machine

Without features in the folder, vectors of random numbers are written next to it. With
``--processor-time`` both times are those of the processor and not of the clock, which other work
on the machine hardly changes; that is right for one thread and one worker.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from bench import CPU, machine

from mmrec.config import read_experiment
from mmrec.execution import estimate, probe
from mmrec.planning.counts import count_trials
from mmrec.planning.datasets import load_splits
from mmrec.planning.plan import make_plan

ROOT = Path(__file__).parents[2]
GRIDS: dict[str, dict[str, Any]] = {
    "LightGCNM": {
        "batch_size": [256, 1024, 4096],
        "factors": [16, 64, 128],
        "n_layers": [1, 3],
        "lr": [0.001, 0.005],
    },
    "LATTICE": {"batch_size": [256, 1024], "factors": [16, 64, 128], "top_k": [10, 40]},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "demo")
    parser.add_argument("--models", nargs="+", default=list(GRIDS))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--processor-time", action="store_true")
    options = parser.parse_args()
    print(
        f"{machine()}\n\n{'model':<12}{'trials':>7}{'sizes':>9}{'estimate':>12}{'run':>12}{'ratio':>8}"
    )
    for name in options.models:
        with TemporaryDirectory() as folder:
            config = write(Path(folder), options.data.resolve(), name, options.epochs)
            planned, sizes, n_trials = plan(config, processor=options.processor_time)
            took = run(config, processor=options.processor_time)
            print(
                f"{name:<12}{n_trials:>7}{sizes:>9}{planned:>10.1f} s{took:>10.1f} s"
                f"{planned / took:>8.2f}",
                flush=True,
            )
    return 0


def write(folder: Path, data: Path, name: str, epochs: int) -> Path:
    """Write an experiment with the grid of a model, and features if the data have none."""
    visual, textual = data / "image_feat", data / "text_feat"
    if not visual.is_dir():
        visual, textual = folder / "visual", folder / "textual"
        rng = np.random.default_rng(1)
        items = {line.split("\t")[1] for line in (data / "train.txt").read_text().splitlines()}
        for features, width in ((visual, 512), (textual, 384)):
            features.mkdir()
            for item in sorted(items):
                np.save(features / f"{item}.npy", rng.random(width, np.float32))
    experiment = {
        "dataset": "grid",
        "data_config": {
            "strategy": "fixed",
            **{
                f"{split}_path": str(data / f"{file}.txt")
                for split, file in (("train", "train"), ("validation", "val"), ("test", "test"))
            },
            "side_information": [
                {"dataloader": "VisualAttribute", "visual_features": str(visual)},
                {"dataloader": "TextualAttribute", "textual_features": str(textual)},
            ],
        },
        "top_k": 20,
        "evaluation": {"simple_metrics": ["Recall", "nDCG"], "cutoffs": [10, 20]},
        "models": {name: GRIDS[name] | {"epochs": epochs, "seed": 1}},
        **{
            f"path_output_rec_{kind}": str(folder / kind)
            for kind in ("result", "weight", "performance")
        },
        "execution": {"threads": 1},
    }
    path = folder / "grid.yml"
    path.write_text(json.dumps({"experiment": experiment}))
    return path


def plan(config: Path, *, processor: bool) -> tuple[float, str, int]:
    """Return the estimated seconds of the run, what was measured, and the trials."""
    if processor:
        probe._probe = probe_by_processor  # type: ignore[assignment]
    loaded = read_experiment(config)
    planned = make_plan(loaded)
    datasets = load_splits(planned)
    (counts,) = count_trials(planned, datasets)
    found = estimate.estimate_model(loaded, planned, 0, counts, datasets[0].n_users, threads=1)
    whole = estimate.PlanEstimate([found], [CPU], workers=1)
    assert whole.seconds is not None, list(whole.warnings())
    return whole.seconds, f"{found.n_measured} of {found.n_sizes}", counts.n_trials


_by_clock: Any = probe._probe


def probe_by_processor(*request: Any) -> None:
    """Run in the new process: measure with the processor's clock, from the process's start on."""
    time.perf_counter = time.time = time.process_time
    _by_clock(*request[:-1], 0.0)


def run(config: Path, *, processor: bool) -> float:
    """Return the seconds of the run."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "mmrec", "run", "--quiet", config],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not processor:
        return time.perf_counter() - started
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
