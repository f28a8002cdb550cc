"""What approximate neighbours find, and how much sooner than the exact ones.

    python scripts/benchmarks/approximate.py --items 20000 100000

The features are 64 numbers per item: of clusters (100 items each, as items of one kind are alike),
and without any structure, which is the worst case.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from bench import machine
from torch import Tensor

from mmrec.graph import approximate_neighbours, nearest_neighbours

WIDTH, NEIGHBOURS = 64, 20


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, nargs="+", default=[20_000, 50_000, 100_000])
    options = parser.parse_args()
    print(f"{machine()}\n\n{'features':<14}{'items':>9}{'exact':>11}{'approximate':>13}"
          f"{'ratio':>8}{'recall':>9}")  # fmt: skip
    for n_items in options.items:
        for name, x in (("clustered", clustered(n_items)), ("unstructured", noise(n_items))):
            started = time.perf_counter()
            exact, _ = nearest_neighbours(x, NEIGHBOURS)
            between = time.perf_counter()
            found, _ = approximate_neighbours(x, NEIGHBOURS)
            ended = time.perf_counter()
            seconds = (between - started, ended - between)
            print(
                f"{name:<14}{n_items:>9,}{seconds[0]:>9.2f} s{seconds[1]:>11.2f} s"
                f"{seconds[0] / seconds[1]:>7.1f}x{recall(exact, found):>9.3f}",
                flush=True,
            )
    return 0


def noise(n_items: int) -> Tensor:
    return torch.randn(n_items, WIDTH, generator=torch.Generator().manual_seed(0))


def clustered(n_items: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(n_items // 100, WIDTH, generator=generator)
    return (
        centres[torch.randint(len(centres), (n_items,), generator=generator)] + noise(n_items) / 2
    )


def recall(exact: Tensor, found: Tensor, block: int = 4096) -> float:
    """Return the share of the exact neighbours that were found."""
    hits = sum(
        int((a[:, :, None] == b[:, None, :]).sum())
        for a, b in zip(exact.split(block), found.split(block), strict=True)
    )
    return hits / exact.numel()


if __name__ == "__main__":
    sys.exit(main())
