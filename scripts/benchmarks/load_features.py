"""How long 2 folders of N vectors take to load: file by file, while packing, and once packed.

    python scripts/benchmarks/load_features.py [--files 25000] [--width 128] [--repeats 5]

Prints the median seconds of each way, how many times faster it is than ``np.load`` of every file,
and the peak of the process's memory up to its end. Everything is written to a temporary folder.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mmrec.features import TextualAttribute, VisualAttribute, load_features

LOADERS = {"image_feat": VisualAttribute, "text_feat": TextualAttribute}


def write_folders(root: Path, ids: Sequence[str], width: int) -> None:
    rng = np.random.default_rng(0)
    for name in LOADERS:
        (root / name).mkdir()
        for item_id in ids:
            np.save(root / name / f"{item_id}.npy", rng.normal(size=width).astype(np.float32))


def load_each_file(root: Path, ids: Sequence[str]) -> list[np.ndarray]:
    return [np.stack([np.load(root / name / f"{i}.npy") for i in ids]) for name in LOADERS]


def load(root: Path, ids: Sequence[str]) -> list[np.ndarray]:
    cache = root / "cache"
    loaders = [loader(root / name, cache_dir=cache) for name, loader in LOADERS.items()]
    return list(load_features(loaders, ids).values())


def load_and_pack(root: Path, ids: Sequence[str]) -> list[np.ndarray]:
    shutil.rmtree(root / "cache", ignore_errors=True)
    return load(root, ids)


def seconds(
    action: Callable[[Path, Sequence[str]], object], root: Path, ids: Sequence[str]
) -> float:
    start = time.perf_counter()
    action(root, ids)
    return time.perf_counter() - start


def peak_mib() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=25_000, help="files in each folder")
    parser.add_argument("--width", type=int, default=128, help="numbers in each file")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    ids = [str(number) for number in range(options.files)]
    # The frugal ways first: the peak of a process never falls.
    ways = {"packing": load_and_pack, "packed": load, "np.load": load_each_file}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_folders(root, ids, options.width)
        for found, expected in zip(load(root, ids), load_each_file(root, ids[:99]), strict=True):
            assert np.array_equal(found[:99], expected)
        medians, peaks = {}, {}
        for name, way in ways.items():
            times = [seconds(way, root, ids) for _ in range(options.repeats)]
            medians[name], peaks[name] = statistics.median(times), peak_mib()
    n_mib = 2 * options.files * options.width * 4 / 2**20
    print(f"2 folders of {options.files} x {options.width} float32, {n_mib:.0f} MiB of values")
    print(f"{'way':10}{'seconds':>10}{'times faster':>14}{'peak MiB':>10}")
    for name, median in medians.items():
        faster = medians["np.load"] / median
        print(f"{name:10}{median:>10.3f}{faster:>14.1f}{peaks[name]:>10.0f}")


if __name__ == "__main__":
    main()
