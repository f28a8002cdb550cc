"""An epoch of every trained model against a direct implementation of the same step.

    python scripts/benchmarks/models.py                        # all models
    python scripts/benchmarks/models.py --models MGCN FREEDOM --steps 31 --repeats 5

The data have the size of Amazon Office: 4,905 users, 2,414 items, 31,118 interactions, features of
4096 + 1024 random numbers, batches of 1024. Hyper-parameters are those of published experiments
(``published.py``). ``direct/`` computes the same losses with PyG's layers, torch's sparse products
over the whole graph and Adam without fused or multi-tensor kernels. Its batches are given; an epoch
of mmrec includes their sampling.

Each model has a process in which both, and an epoch of mmrec's LATTICE, run in turn; medians are
given. The time of an epoch is computed from a few steps: the first one, with all that an epoch
begins with, counts once, the mean of the others for the rest. ``units`` are multiples of the epoch
of LATTICE in the same process; ``toolbox`` is the same multiple of a public toolbox, whose seconds
on two cores were measured when mmrec's LATTICE took 0.22. It is compared with ``alike``, the units
of mmrec's model where it computes the same as the toolbox (``TOOLBOX`` in ``published.py``). With
which hyper-parameters the toolbox ran is not known: where they can be chosen, they are taken to be
the published ones. ``products`` is the time of the matrix products of mmrec's epoch alone, and what
an epoch takes compared with it. The peaks of memory are those of two more processes, each with one
of both.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from arithmetic import Products
from bench import CPU, machine, peak_gib, protocol_of, synthetic, with_features
from published import PUBLISHED, TOOLBOX, build

from mmrec.data import Dataset
from mmrec.interruption import Interrupted
from mmrec.models import Batch, Model
from mmrec.models.losses import total_loss
from mmrec.seeding import rng_for
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic
from mmrec.training.trainer import Trainer

if TYPE_CHECKING:
    from direct import Direct

TOOLBOX_S = {
    **{"BPRMF": 0.17, "LightGCN": 0.36, "VBPR": 1.0, "LATTICE": 2.1, "BM3": 3.1},
    **{"FREEDOM": 3.2, "MGCN": 3.7, "GRCN": 4.4, "MMGCN": 21.0},
}
"""Seconds of an epoch of a public toolbox, on these data and two cores."""

LATTICE_S = 0.22
"""Seconds of an epoch of mmrec's LATTICE on the same machine."""


@dataclass(frozen=True)
class Row:
    """The figures of one model; times in seconds per epoch, memory in MiB."""

    model: str
    direct_s: float
    mmrec_s: float
    alike_s: float
    """Of mmrec's model where it computes the same as the toolbox."""
    lattice_s: float
    products_s: float
    direct_mib: float
    mmrec_mib: float

    @property
    def cells(self) -> list[str]:
        units, alike = self.mmrec_s / self.lattice_s, self.alike_s / self.lattice_s
        compared = ["", "", ""]
        if self.model in TOOLBOX_S:
            toolbox = TOOLBOX_S[self.model] / LATTICE_S
            compared = [f"{alike:.2f}", f"{toolbox:.2f}", f"{toolbox / alike:.1f}x"]
        return [
            *(
                f"{self.direct_s:.3f}",
                f"{self.mmrec_s:.3f}",
                f"{self.direct_s / self.mmrec_s:.1f}x",
            ),
            *(f"{units:.2f}", *compared),
            *(f"{self.products_s:.3f}", self._of_products),
            *(f"{self.direct_mib:.0f}", f"{self.mmrec_mib:.0f}"),
        ]

    @property
    def _of_products(self) -> str:
        return f"{self.mmrec_s / self.products_s:.1f}x" if self.products_s > 1e-4 else ""


COLUMNS = (
    *("direct s", "mmrec s", "ratio", "units", "alike", "toolbox", "ratio", "products s", "takes"),
    *("direct MiB", "mmrec MiB"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--models", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--steps", type=int, default=6, help="steps of a run, from 2 up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("WHAT", "MODEL", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps < 2:
        parser.error(f"--steps: expected a whole number from 2 up, found {options.steps}")
    torch.set_num_threads(options.threads)
    if options.one:
        warnings.simplefilter("ignore")  # torch and PyG say that sparse CSR is beta
        what, name, file = options.one
        measure = {"times": times, "direct": direct_memory, "mmrec": mmrec_memory}[what]
        print(json.dumps(measure(name, Path(file), options)))
        return 0
    print(f"{machine()}, {options.steps} steps, {options.repeats} repeats\n", flush=True)
    print(f"{'':10}" + "".join(f"{column:>11}" for column in COLUMNS), flush=True)
    rows = []
    for name in options.models:
        rows.append(measured(name, options))
        print(f"{name:10}" + "".join(f"{cell:>11}" for cell in rows[-1].cells), flush=True)
    if options.json:
        facts = {"machine": machine(), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def measured(name: str, options: argparse.Namespace) -> Row:
    """Measure a model in three processes; the first one writes the parameters for the second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pt"
        figures: dict[str, float] = {}
        for what in ("times", "direct", "mmrec"):
            command = [sys.executable, __file__, "--one", what, name, str(file)]
            command += [f"--{x}={getattr(options, x)}" for x in ("repeats", "steps", "threads")]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            figures |= json.loads(done.stdout.splitlines()[-1])
    return Row(model=name, **figures)


def times(name: str, file: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure epochs of the direct implementation, of mmrec's model and of LATTICE in turn."""
    from direct import DIRECT

    dataset = data()
    model = build(name, dataset)
    weights = {key: x.detach().clone() for key, x in model.named_parameters()}
    trainer = trainer_of(model, dataset)
    batches = Batch.of_epoch(trainer.sampler, rng_for(1), CPU)
    torch.save((weights, model.config, batches), file)
    theirs = DIRECT[name](weights, model.config, dataset)
    optimizer = unfused(theirs, model.config.lr)
    runs: dict[str, Callable[[], float]] = {
        "direct_s": lambda: direct_epoch(theirs, optimizer, batches, options.steps),
        "mmrec_s": lambda: mmrec_epoch(trainer, options.steps),
    }
    if name in TOOLBOX:
        alike = trainer_of(build(name, dataset, **TOOLBOX[name]), dataset)
        runs["alike_s"] = lambda: mmrec_epoch(alike, options.steps)
    if name != "LATTICE":
        lattice = trainer_of(build("LATTICE", dataset), dataset)
        runs["lattice_s"] = lambda: mmrec_epoch(lattice, options.steps)
    taken: dict[str, list[float]] = {key: [] for key in runs}
    for repeat in range(options.repeats + 1):  # the first one warms up
        for key, run in runs.items():
            gc.collect()
            measured_s = run()
            if repeat:
                taken[key].append(measured_s)
    figures = {key: statistics.median(seconds) for key, seconds in taken.items()}
    for key in ("alike_s", "lattice_s"):
        figures.setdefault(key, figures["mmrec_s"])
    return {**figures, "products_s": products(model, batches, options.repeats)}


def direct_memory(name: str, file: Path, options: argparse.Namespace) -> dict[str, float]:
    from direct import DIRECT

    weights, config, batches = torch.load(file, weights_only=False)
    theirs = DIRECT[name](weights, config, data())
    del weights
    direct_epoch(theirs, unfused(theirs, config.lr), batches, min(options.steps, 3))
    return {"direct_mib": 1024 * peak_gib()}


def mmrec_memory(name: str, file: Path, options: argparse.Namespace) -> dict[str, float]:
    dataset = data()
    mmrec_epoch(trainer_of(build(name, dataset), dataset), min(options.steps, 3))
    return {"mmrec_mib": 1024 * peak_gib()}


def data() -> Dataset:
    return with_features(synthetic(), [4096, 1024])


def trainer_of(model: Model, dataset: Dataset) -> Trainer:
    return Trainer(model, model.config, dataset, protocol_of(dataset), CPU)


def unfused(theirs: Direct, lr: float) -> torch.optim.Adam:
    return torch.optim.Adam(theirs.parameters(), lr=lr, foreach=False, fused=False)


def direct_epoch(
    theirs: Direct, optimizer: torch.optim.Optimizer, batches: list[Batch], n_steps: int
) -> float:
    """Take steps of the direct implementation; return the seconds of an epoch."""
    ends = [time.perf_counter()]
    theirs.begin_epoch()
    for batch in batches[:n_steps]:
        negatives = batch.positives if batch.negatives is None else batch.negatives
        optimizer.zero_grad()
        loss = theirs.loss(batch.users, batch.positives, negatives)
        loss.backward()
        optimizer.step()
        loss.item()
        ends.append(time.perf_counter())
    return of_epoch(ends, len(batches))


def mmrec_epoch(trainer: Trainer, n_steps: int) -> float:
    """Take steps of an epoch as a trial does; return the seconds of an epoch."""
    with deterministic(CPU), keep_freed_memory():
        take_steps(trainer, 2)  # memory is kept from one epoch of a trial to the next
        return of_epoch(take_steps(trainer, n_steps), trainer.sampler.n_batches)


def take_steps(trainer: Trainer, n_steps: int) -> list[float]:
    """Return the times at the start of an epoch and after each step."""
    trainer.state.epoch += 1
    trainer.state.step_losses, trainer.state.step_terms = [], {}
    ends = [time.perf_counter()]

    def stop() -> bool:
        ends.append(time.perf_counter())
        return len(ends) > n_steps

    with suppress(Interrupted):
        trainer._run_epoch(stop)
    return ends


def of_epoch(ends: list[float], n_steps: int) -> float:
    """Return the time of the first step plus the mean of the others for the rest of an epoch."""
    mean = (ends[-1] - ends[1]) / (len(ends) - 2)
    return ends[1] - ends[0] + (n_steps - 1) * mean


def products(model: Model, batches: list[Batch], repeats: int) -> float:
    """Return the seconds of the matrix products of an epoch of mmrec's model."""
    model.train()
    seconds: list[float] = []
    with deterministic(CPU), keep_freed_memory():
        model.begin_epoch(1, rng_for(1))
        for batch in batches[:2]:
            model.zero_grad(set_to_none=True)
            recorded = Products()
            with recorded:
                total_loss(model.loss(batch)).backward()
            seconds.append(recorded.seconds(repeats))
    return seconds[0] + (len(batches) - 1) * seconds[1]


if __name__ == "__main__":
    sys.exit(main())
