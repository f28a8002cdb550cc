"""How far the hot operations are from what the machine can do.

    python scripts/benchmarks/limits.py --data FOLDER     # the splits of Amazon Office
    python scripts/benchmarks/limits.py                   # synthetic, of the same size

The machine's limits are measured first: the rate of a large float32 matrix product, and that of
adding one vector of 256 MiB to another. An operation needs at least its floating-point operations
at the one, or at least the bytes it cannot help moving at the other; what takes longer is the limit
it is compared with. Embeddings that fit a cache move faster than memory does: such a share can
exceed 100 %.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from bench import CPU, build, machine, office, synthetic, with_features
from torch import Tensor

from mmrec.data import Dataset
from mmrec.evaluation import rank
from mmrec.graph import Pattern, nearest_neighbours, spmm
from mmrec.models import Model
from mmrec.models.lattice import LATTICE
from mmrec.models.lightgcnm import LightGCNM
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic
from mmrec.training.digests import digest_of_state

FLOAT, INDEX = 4, 4
"""Bytes of a value and of a column number."""


@dataclass(frozen=True)
class Machine:
    """What was measured of it."""

    flops: float
    """Floating-point operations a second, in a large matrix product."""
    bandwidth: float
    """Bytes a second, read and written by a large sum."""


@dataclass(frozen=True)
class Operation:
    """One hot operation."""

    what: str
    run: Callable[[], object]
    flops: float
    moved: float
    """Bytes that it has to read and write at least."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="a folder with train.txt, val.txt and test.txt")
    parser.add_argument("--widths", type=int, nargs="+", default=[4096, 1024])
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # torch says that sparse CSR is beta
    dataset = with_features(office(options.data) if options.data else synthetic(), options.widths)
    with deterministic(CPU), keep_freed_memory(), torch.no_grad():
        limits = measure_machine()
        print(
            f"{dataset}\n{machine()}\nmatrix product: {limits.flops / 1e9:.0f} GFLOP/s, "
            f"memory: {limits.bandwidth / 1e9:.1f} GB/s\n\n"
            f"{'':44}{'takes':>11}{'limit':>11}{'share':>8}   bound by"
        )
        for operation in operations(dataset):
            taken = seconds(operation.run)
            arithmetic = operation.flops / limits.flops
            memory = operation.moved / limits.bandwidth
            limit = max(arithmetic, memory)
            print(
                f"{operation.what:<44}{taken * 1e3:>8.2f} ms{limit * 1e3:>8.2f} ms"
                f"{limit / taken:>8.0%}   {'arithmetic' if arithmetic > memory else 'memory'}"
            )
    return 0


def measure_machine() -> Machine:
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    source, target = torch.ones(1 << 26), torch.ones(1 << 26)
    return Machine(
        2 * 2048**3 / seconds(lambda: a @ b),
        3 * FLOAT * (1 << 26) / seconds(lambda: target.add_(source)),
    )


def operations(dataset: Dataset) -> Iterator[Operation]:
    lattice, light = build("LATTICE", dataset)[0], build("LightGCNM", dataset)[0]
    assert isinstance(lattice, LATTICE)
    assert isinstance(light, LightGCNM)
    width = lattice.config.factors
    users, items = torch.randn(dataset.n_users, width), torch.randn(dataset.n_items, width)
    nodes = torch.cat([users, items])

    both = light.graph
    yield product("propagate over users and items", both.pattern, both.values, nodes)
    graph = lattice.item_graph()
    yield product("propagate over the item graph", graph.pattern, graph.values, items)
    n_weights = sum(x.numel() for x in light.features.raw.values())
    yield Operation(
        "project the features",
        lambda: light.projections(light.features.raw),
        flops=2 * n_weights * width,
        moved=FLOAT * n_weights,
    )
    yield adam(light)
    yield Operation(
        "nearest neighbours, one modality",
        lambda: nearest_neighbours(items, lattice.config.top_k),
        flops=2 * dataset.n_items**2 * width,
        moved=FLOAT * dataset.n_items**2,  # the similarities are selected from once
    )
    scores = dataset.n_users * dataset.n_items
    yield Operation(
        "rank all users",
        lambda: rank(lambda batch: users[batch] @ items.T, dataset.train, 20),
        flops=2 * scores * width,
        moved=FLOAT * scores,
    )
    state = light.state_dict()
    yield Operation(
        "digest of the weights", lambda: digest_of_state(state), 0, FLOAT * n_parameters(light)
    )


def product(what: str, pattern: Pattern, values: Tensor, x: Tensor) -> Operation:
    n_edges, width = len(pattern), x.shape[1]
    return Operation(
        what,
        lambda: spmm(*pattern.csr(), values, x),
        flops=2 * n_edges * width,
        # Each edge reads a row of x; that a cache has it already is what an exceeded limit shows.
        moved=n_edges * (FLOAT * width + FLOAT + INDEX) + FLOAT * width * pattern.shape[0],
    )


def adam(model: Model) -> Operation:
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    n_moved = 4 + 3  # weight, gradient and two moments are read, all but the gradient written
    return Operation(
        "Adam on all parameters",
        optimizer.step,
        flops=12 * n_parameters(model),
        moved=n_moved * FLOAT * n_parameters(model),
    )


def n_parameters(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def seconds(run: Callable[[], object], repeats: int = 9) -> float:
    """Return the median time of a run, after one to warm up."""
    run()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
