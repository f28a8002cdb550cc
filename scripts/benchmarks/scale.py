"""How memory and time grow with the catalogue: each size and model in a separate process.

    python scripts/benchmarks/scale.py                            # all models, 100,000 items
    python scripts/benchmarks/scale.py --items 10000 50000 --models LATTICE

There are twice as many users as items and 20 interactions for each item; features are 512 + 384
random numbers. Hyper-parameters are those of ``published.py``, except in ``LARGE``. ``build``
contains all that is computed once: graphs of items, or the whole fit of a recommender without
gradient. A few steps are taken; the first one contains the sampling of the epoch and, for LATTICE,
the item graph with its gradient. An evaluation is what ranking needs for all users (``embed``) and
the ranking of ``--users`` users, scaled to all users. The last column is the peak memory of the
process. A recommender that refuses the size has a row with its message, and so does one that takes
longer than ``--limit`` seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench import CPU, machine, peak_gib, protocol_of, synthetic, with_features
from published import build

from mmrec.data import Dataset, Interactions
from mmrec.errors import MmrecError
from mmrec.evaluation import rank
from mmrec.interruption import Interrupted
from mmrec.models import MODELS, Model, Recommender
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic
from mmrec.training.trainer import Trainer

STEPS = 4

LARGE: Mapping[str, Mapping[str, Any]] = {
    "MMGCN": {"factors_multimod": (64, 64)},
    "GRCN": {"factors_multimod": 64},
}
"""Hyper-parameters for large catalogues: MMGCN does not convolve raw features, [U, 384]."""

ATTRIBUTES = "ItemAttributes"
"""The loader of attributes; every item has some 5 of 100."""

COLUMNS = ("data", "build", "first step", "a step", "embed", "evaluation")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, nargs="+", default=[100_000])
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=sorted(MODELS))
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 384])
    parser.add_argument("--users", type=int, default=2000, help="users that are ranked")
    parser.add_argument("--limit", type=float, default=300, help="seconds for a model and a size")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "ITEMS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, n_items = options.one
        print(json.dumps(measure(name, int(n_items), options)))
        return 0
    print(f"{machine()}\n", flush=True)
    rows = []
    header = "".join(f"{column:>13}" for column in COLUMNS)
    print(f"{'model':<18}{'users':>9}{'items':>9}{'train':>11}{header}     peak")
    for name in options.models:
        for n_items in options.items:
            row = in_own_process(name, n_items, options)
            rows.append({"model": name, **row})
            print(f"{name:<18}{described(row)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")
    return 0


def described(row: dict[str, Any]) -> str:
    sizes = f"{2 * row['items']:>9,}{row['items']:>9,}{20 * row['items']:>11,}"
    if "refused" in row:
        return f"{sizes}   {row['refused']}"
    times = "".join(f"{row[x]:>11.2f} s" if x in row else " " * 13 for x in COLUMNS)
    return f"{sizes}{times}{row['peak GiB']:>5.2f} GiB"


def in_own_process(name: str, n_items: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a new process, because the peak memory of a process never falls."""
    command = [sys.executable, __file__, "--one", name, str(n_items), "--users", str(options.users)]
    command += ["--widths", *map(str, options.widths)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, timeout=options.limit
        )
    except subprocess.TimeoutExpired:
        return {"items": n_items, "refused": f"not finished after {options.limit:.0f} s"}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def measure(name: str, n_items: int, options: argparse.Namespace) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # torch says that sparse CSR is beta
    row: dict[str, Any] = {"items": n_items}
    with timed(row, "data"):
        sizes = 2 * n_items, n_items, 20 * n_items, 2 * n_items
        dataset = with_features(synthetic(*sizes), options.widths)
    with deterministic(CPU), keep_freed_memory():
        try:
            with timed(row, "build"):
                recommender = made(name, dataset)
        except MmrecError as error:
            return row | {"refused": str(error)}
        if isinstance(recommender, Model):
            take_steps(recommender, dataset, row)
        evaluate(recommender, dataset, min(options.users, dataset.n_users), row)
    row["peak GiB"] = peak_gib()
    return row


def made(name: str, dataset: Dataset) -> Recommender:
    kind = MODELS.find(name)
    if issubclass(kind, Model):
        return build(name, dataset, **LARGE.get(name, {}))
    config = kind.Config()
    if ATTRIBUTES in getattr(config, "sources", {}).values():
        has = np.random.default_rng(0).random((dataset.n_items, 100)) < 0.05
        dataset = replace(dataset, features={ATTRIBUTES: has.astype(np.float32)})
    return kind(config, dataset)


def take_steps(model: Model, dataset: Dataset, row: dict[str, Any]) -> None:
    trainer = Trainer(model, model.config, dataset, protocol_of(dataset), CPU)
    ends = [time.perf_counter()]

    def stop() -> bool:
        ends.append(time.perf_counter())
        return len(ends) > STEPS

    with suppress(Interrupted):
        trainer.run(stop=stop)
    row["first step"] = ends[1] - ends[0]
    row["a step"] = (ends[-1] - ends[1]) / (len(ends) - 2)


@torch.no_grad()
def evaluate(recommender: Recommender, dataset: Dataset, n_users: int, row: dict[str, Any]) -> None:
    """Rank some users; their share of the time is scaled to all users."""
    if isinstance(recommender, Model):
        recommender.eval()
    with timed(row, "embed"):
        scorer = recommender.scorer()
    train = dataset.train
    few = train.users < n_users
    some = Interactions.from_arrays(train.users[few], train.items[few], n_users, train.n_items)
    with timed(row, "evaluation"):
        rank(scorer, some, 20)
    row["evaluation"] = row["embed"] + row["evaluation"] * dataset.n_users / n_users


@contextmanager
def timed(row: dict[str, Any], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    row[name] = time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
