"""Measure mmrec against the usual way to write the same work: ``make bench``.

    python scripts/benchmarks/bench.py --data FOLDER     # the splits of Amazon Office
    python scripts/benchmarks/bench.py                   # synthetic, of the same size

Both run on the same inputs in one process, in turn, and the medians are compared. Each model's
experiment is trained for some epochs (each time is given per epoch) and evaluated; the whole
experiment of the tutorial is then epochs x epoch + evaluations x evaluation.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import baseline
import numpy as np
import torch

from mmrec.data import Dataset, Interactions, Vocabulary, align, read_split
from mmrec.evaluation import Evaluator
from mmrec.features import VisualAttribute
from mmrec.models import Model
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.seeding import rng_for
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol
from mmrec.training.trainer import Trainer

CPU = torch.device("cpu")
BATCH, LR, L_W = 1024, 0.005, 1e-5
EXPERIMENTS = {"LATTICE": (200, 20), "LightGCNM": (60, 6)}
"""Epochs and evaluations of the experiments whose whole time is compared."""

EPOCHS_AT_ONCE = 5
"""Epochs of ours that are timed together: memory is kept from one to the next, as in a trial."""


@dataclass(frozen=True)
class Row:
    """One measured operation."""

    what: str
    baseline_s: float
    ours_s: float
    ratio: float
    target: str


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="a folder with train.txt, val.txt and test.txt")
    parser.add_argument("--widths", type=int, nargs="+", default=[4096, 1024])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--files", type=int, default=2000, help="feature files to load")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    dataset = with_features(office(options.data) if options.data else synthetic(), options.widths)
    print(f"{dataset}\n{machine()}\n", flush=True)
    rows: list[Row] = []
    warnings.simplefilter("ignore")  # torch and PyG say that sparse CSR is beta
    with deterministic(CPU):
        rows.append(bench_loading(options.files, options.repeats))
        for name in EXPERIMENTS:
            rows += bench_model(name, dataset, options.repeats)
    print(f"{'':34}{'baseline':>12}{'mmrec':>12}{'ratio':>9}   target")
    for row in rows:
        print(
            f"{row.what:<34}{row.baseline_s:>10.4f} s{row.ours_s:>10.4f} s{row.ratio:>8.1f}x   "
            f"{row.target}"
        )
    print(f"peak memory of this process: {peak_gib():.2f} GiB")
    if options.json:
        facts = {"machine": machine(), "data": repr(dataset), "rows": [asdict(r) for r in rows]}
        options.json.write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def bench_model(name: str, dataset: Dataset, repeats: int) -> list[Row]:
    theirs = getattr(baseline, name)(dataset)
    unfused = torch.optim.Adam(theirs.parameters(), lr=baseline.LR, foreach=False)
    model, config = build(name, dataset)
    protocol = protocol_of(dataset)
    trainer = Trainer(model, config, dataset, protocol, CPU)
    sampler = trainer.sampler

    def our_epochs() -> None:
        with keep_freed_memory():  # as a trial does, from its first epoch to its last
            for _ in range(EPOCHS_AT_ONCE):
                trainer.state.step_losses = []
                trainer.state.epoch += 1
                trainer._run_epoch(lambda: False)

    def our_evaluation() -> None:
        model.eval()
        with torch.no_grad():
            protocol.evaluate(model, CPU)

    sampling = in_turn(
        lambda: theirs.batches(BATCH), lambda: sampler.draw_epoch(rng_for(1)), repeats
    )
    epoch = in_turn(lambda: baseline.train_epoch(theirs, unfused, BATCH), our_epochs, repeats)
    epoch[1] /= EPOCHS_AT_ONCE
    evaluation = in_turn(lambda: baseline.evaluate(theirs, dataset), our_evaluation, repeats)
    epochs, evaluations = EXPERIMENTS[name]
    whole = [epochs * e + evaluations * v for e, v in zip(epoch, evaluation, strict=True)]
    least = "at least 4x" if name == "LATTICE" else "at least 2x"
    return [
        row(f"{name}: sampling of an epoch", sampling, "at least 30x"),
        row(f"{name}: an epoch, sampling included", epoch, ""),
        row(f"{name}: an evaluation", evaluation, "at least 20x"),
        row(f"{name}: experiment of {epochs} epochs", whole, least),
    ]


def protocol_of(dataset: Dataset) -> EvaluationProtocol:
    """Return the protocol of the tutorial, for a data set with a validation split."""
    assert dataset.validation is not None
    validation, test = (
        Evaluator(dataset.train, split, ["Recall", "nDCG"], [20])
        for split in (dataset.validation, dataset.test)
    )
    return EvaluationProtocol(dataset.train, validation, test, 20, Objective.of("Recall@20"))


def build(name: str, dataset: Dataset) -> tuple[Model, LATTICEConfig | LightGCNMConfig]:
    shared: dict[str, Any] = {"lr": LR, "l_w": L_W, "batch_size": BATCH, "epochs": 1000}
    if name == "LATTICE":
        config = LATTICEConfig(n_ui_layers=2, top_k=20, l_m=0.7, **shared)
        return LATTICE(config, dataset), config
    light = LightGCNMConfig(**shared)
    return LightGCNM(light, dataset), light


def bench_loading(n_files: int, repeats: int) -> Row:
    """Load a folder of vectors once to fill the packed store, then in turn with np.load."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary) / "feat", Path(temporary) / "cache"
        folder.mkdir()
        ids = [str(i) for i in range(n_files)]
        for item_id in ids:
            np.save(folder / f"{item_id}.npy", np.random.default_rng(1).random(128, np.float32))

        def ours() -> None:
            VisualAttribute(folder, cache_dir=cache).read(ids)

        ours()
        seconds = in_turn(lambda: baseline.load_features(folder, ids), ours, repeats)
    return row(f"loading {n_files} feature files again", seconds, "at least 20x (of 50,000)")


def in_turn(theirs: Callable[[], object], ours: Callable[[], object], n: int) -> list[float]:
    """Run both once to warm up, then n times each in turn; return the two medians in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(n + 1):
        for run, measured in zip((theirs, ours), times, strict=True):
            gc.collect()
            started = time.perf_counter()
            run()
            if repeat:
                measured.append(time.perf_counter() - started)
    return [statistics.median(measured) for measured in times]


def row(what: str, seconds: list[float], target: str) -> Row:
    return Row(what, seconds[0], seconds[1], seconds[0] / seconds[1], target)


def office(folder: Path) -> Dataset:
    names = {"train": "train", "validation": "val", "test": "test"}
    aligned = align({k: read_split(folder / f"{v}.txt") for k, v in names.items()}, {})
    splits = aligned.splits
    return Dataset(
        *("office", aligned.users, aligned.items),
        *(splits["train"], splits["validation"], splits["test"]),
    )


def synthetic(
    n_users: int = 4905, n_items: int = 2414, n_train: int = 31_118, n_held_out: int = 10_000
) -> Dataset:
    """Distinct random pairs, items by a long tail; every user and every item is trained on."""
    rng = np.random.default_rng(0)
    wanted = n_train + 2 * n_held_out
    popularity = 1 / np.arange(1, n_items + 1) ** 0.8
    items = rng.choice(n_items, size=2 * wanted, p=popularity / popularity.sum())
    items[:n_items] = np.arange(n_items)
    users = rng.integers(0, n_users, size=2 * wanted)
    users[:n_users] = np.arange(n_users)
    _, first = np.unique(users * n_items + items, return_index=True)
    kept = np.sort(first)[:wanted]
    users, items = users[kept], items[kept]
    cuts = (
        slice(0, n_train),
        slice(n_train, n_train + n_held_out),
        slice(n_train + n_held_out, None),
    )
    train, validation, test = (
        Interactions.from_arrays(users[cut], items[cut], n_users, n_items) for cut in cuts
    )
    user_ids, item_ids = (Vocabulary(map(str, range(n))) for n in (n_users, n_items))
    return Dataset("synthetic", user_ids, item_ids, train, validation, test)


def with_features(dataset: Dataset, widths: list[int]) -> Dataset:
    rng = np.random.default_rng(0)
    loaders = ("VisualAttribute", "TextualAttribute")
    features = {
        loader: rng.standard_normal((dataset.n_items, width), dtype=np.float32)
        for loader, width in zip(loaders, widths, strict=True)
    }
    return replace(dataset, features=features)


def machine() -> str:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(": ")[2] if names else processor
    return (
        f"{processor}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
        f"torch {torch.__version__}, numpy {np.__version__}"
    )


def peak_gib() -> float:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)


if __name__ == "__main__":
    sys.exit(main())
