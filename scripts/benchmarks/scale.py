"""How memory and time grow with the catalogue: each size and model in a separate process.

    python scripts/benchmarks/scale.py                          # 10,000 to 100,000 items
    python scripts/benchmarks/scale.py --items 10000 --models LATTICE

There are twice as many users as items and 20 interactions for each item; features are 512 + 384
random numbers. A few steps are taken (the first step of LATTICE learns the item graph with its
gradient) and all users are ranked once. The last column is the peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench import CPU, build, machine, peak_gib, protocol_of, synthetic, with_features

from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic
from mmrec.training.trainer import Interrupted, Trainer

STEPS = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 20_000, 50_000, 100_000])
    parser.add_argument("--models", nargs="+", default=["LightGCNM", "LATTICE"])
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 384])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "ITEMS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, n_items = options.one
        print(json.dumps(measure(name, int(n_items), options.widths)))
        return 0
    print(f"{machine()}\n", flush=True)
    rows = []
    columns = ("data", "build", "first step", "a step", "evaluation")
    print(f"{'model':<10}{'users':>9}{'items':>9}{'train':>11}" + _header(columns) + "     peak")
    for name in options.models:
        for n_items in options.items:
            row = in_own_process(name, n_items, options.widths)
            rows.append(row)
            times = "".join(f"{row[column]:>11.2f} s" for column in columns)
            print(
                f"{name:<10}{row['users']:>9,}{row['items']:>9,}{row['train']:>11,}{times}"
                f"{row['peak GiB']:>5.2f} GiB",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")
    return 0


def _header(columns: tuple[str, ...]) -> str:
    return "".join(f"{column:>13}" for column in columns)


def in_own_process(name: str, n_items: int, widths: list[int]) -> dict[str, float]:
    """Measure in a new process, because the peak memory of a process never falls."""
    command = [sys.executable, __file__, "--one", name, str(n_items), "--widths"]
    done = subprocess.run([*command, *map(str, widths)], capture_output=True, text=True, check=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def measure(name: str, n_items: int, widths: list[int]) -> dict[str, float]:
    warnings.simplefilter("ignore")  # torch says that sparse CSR is beta
    row: dict[str, float] = {}
    with timed(row, "data"):
        dataset = with_features(synthetic(2 * n_items, n_items, 20 * n_items, 2 * n_items), widths)
    row |= {"users": dataset.n_users, "items": dataset.n_items, "train": len(dataset.train)}
    protocol = protocol_of(dataset)
    with deterministic(CPU), keep_freed_memory():
        with timed(row, "build"):
            model, config = build(name, dataset)
            trainer = Trainer(model, config, dataset, protocol, CPU)
        ends = [time.perf_counter()]

        def stop() -> bool:
            ends.append(time.perf_counter())
            return len(ends) > STEPS

        with suppress(Interrupted):
            trainer.run(stop=stop)
        row["first step"] = ends[1] - ends[0]
        row["a step"] = (ends[-1] - ends[1]) / (len(ends) - 2)
        trainer.state.losses = [0.0]
        with timed(row, "evaluation"):
            trainer._evaluate(1, {})
    row["peak GiB"] = peak_gib()
    return row


@contextmanager
def timed(row: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    row[name] = time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
