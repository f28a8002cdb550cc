"""Measure a run while other processes use the cores: ``python scripts/benchmarks/busy.py``.

Trains the models of the demonstration on one thread and on two, alone and next to busy processes.
OpenMP threads that wait soon sleep (which is what mmrec sets), sleep at once, or spin, as they do
by default in libgomp. Each time is the median of the training times of some runs, each in a process
of its own. The weights have to be the same bits in all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ENVIRONMENTS = {
    "soon sleeping": {"GOMP_SPINCOUNT": "3000"},
    "sleeping": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spinning": {"GOMP_SPINCOUNT": "300000"},  # libgomp's default without a policy
}
KINDS = ((1, "soon sleeping"), (2, "soon sleeping"), (2, "sleeping"), (2, "spinning"))
"""Threads, and how they wait."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--busy", type=int, default=2, help="number of busy processes")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(train(options.run, options.threads, options.epochs)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.epochs, options.repeats, options.busy)
    return 0


def measure(folder: Path, epochs: int, repeats: int, n_busy: int) -> None:
    """Print a table of seconds, and the ratios that matter."""
    from mmrec.data.demo import write_demo

    write_demo(folder / "data" / "demo")
    seconds: dict[tuple[int, str, int], list[float]] = {}
    weights: set[str] = set()
    for _ in range(repeats):
        for busy in (0, n_busy):
            with busy_processes(busy):
                for threads, waiting in KINDS:
                    result = in_process(folder, threads, waiting, epochs)
                    seconds.setdefault((threads, waiting, busy), []).append(result["seconds"])
                    weights.add(result["weights"])
    median = {key: statistics.median(values) for key, values in seconds.items()}
    print(f"{os.cpu_count()} cores; load before: {os.getloadavg()[0]:.1f}")
    print(f"{'threads':<22}{'alone':>12}{f'{n_busy} busy':>12}")
    for threads, waiting in KINDS:
        times = (median[threads, waiting, busy] for busy in (0, n_busy))
        print(f"{threads} {waiting:<20}" + "".join(f"{time:>10.2f} s" for time in times))
    for busy in (0, n_busy):
        for waiting in ("soon sleeping", "sleeping"):
            ratio = median[2, waiting, busy] / median[2, "spinning", busy]
            print(f"two threads, {busy} busy: {waiting} / spinning = {ratio:.2f}")
    for threads in (1, 2):
        ratio = median[threads, "soon sleeping", n_busy] / median[1, "soon sleeping", 0]
        print(f"{threads} thread(s) next to {n_busy} busy / one thread alone = {ratio:.2f}")
    print("the same bits in all runs" if len(weights) == 1 else "DIFFERENT WEIGHTS")


@contextlib.contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Keep so many cores busy."""
    command: Sequence[str] = (sys.executable, "-c", "while True: pass")
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def in_process(folder: Path, threads: int, waiting: str, epochs: int) -> dict:
    cleared = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    command = [sys.executable, __file__, "--run", str(folder)]
    command += ["--threads", str(threads), "--epochs", str(epochs)]
    done = subprocess.run(
        command, env=cleared | ENVIRONMENTS[waiting], stdout=subprocess.PIPE, check=True
    )
    result: dict = json.loads(done.stdout)
    return result


def train(folder: Path, threads: int, epochs: int) -> dict:
    """Run the experiment; return the seconds and the digests of its trials."""
    from mmrec import run_experiment

    splits = {f"{name}_path": f"data/demo/{file}.txt" for name, file in SPLITS.items()}
    model = {"epochs": epochs, "batch_size": 256, "seed": 123, "meta": {"validation_rate": 5}}
    experiment = {
        "dataset": "demo",
        "data_config": {"strategy": "fixed", **splits, "side_information": LOADERS},
        "top_k": 20,
        "evaluation": {"simple_metrics": ["Recall"], "cutoffs": [20]},
        "execution": {"threads": threads},
        "models": {"LightGCNM": model, "LATTICE": model | {"top_k": 20}},
    }
    config = {"experiment": experiment}
    results = run_experiment(config, base_dir=folder, progress=False, fresh=True)
    lines = (results.folder / "trials.jsonl").read_text().splitlines()
    trials = [json.loads(line) for line in lines]
    return {
        "seconds": sum(trial["seconds"] for trial in trials),
        "weights": " ".join(trial["weights_sha256"] for trial in trials),
    }


SPLITS = {"train": "train", "validation": "val", "test": "test"}
LOADERS = [
    {"dataloader": "VisualAttribute", "visual_features": "data/demo/image_feat"},
    {"dataloader": "TextualAttribute", "textual_features": "data/demo/text_feat"},
]

if __name__ == "__main__":
    sys.exit(main())
