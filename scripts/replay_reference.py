"""Replay recorded optimisation steps of a reference implementation through mmrec's models.

    python scripts/replay_reference.py FILE.npz...

A file holds a small data set, the initial parameters, the batches of some steps, and what the
reference computed with them. This script builds mmrec's model on the same data, gives it the same
parameters and batches, and prints for each quantity the largest absolute error, and the largest
error relative to the largest recorded value. It exits with 1 if a quantity is out of bounds.

Bounds: losses, parameters, embeddings, scores and item graphs within 1e-5 absolute plus 1e-4
relative, entry by entry; gradients within 1e-4 of their largest recorded entry.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmrec.data import Dataset, Interactions, Vocabulary
from mmrec.models import Batch
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig

Recorded = Mapping[str, NDArray[Any]]
ABSOLUTE, RELATIVE = 1e-5, 1e-4
NOT_FEATURES = ("train_user", "train_item", "batches", "final_user", "final_item", "final_scores")


@dataclass(frozen=True)
class Comparison:
    """One recorded quantity beside ours."""

    quantity: str
    absolute: float
    """Largest absolute difference."""
    relative: float
    """The same over the largest recorded magnitude."""
    within: bool


def main() -> int:
    """Replay the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.npz")
    failures = 0
    for path in parser.parse_args().files:
        print(f"\n{path}\n{'quantity':<58}{'absolute':>12}{'relative':>12}")
        for row in replay(path):
            failures += not row.within
            mark = "" if row.within else "  OUT OF BOUNDS"
            print(f"{row.quantity:<58}{row.absolute:>12.2e}{row.relative:>12.2e}{mark}")
    print(f"\n{failures} quantities out of bounds")
    return 1 if failures else 0


def replay(path: Path) -> Iterator[Comparison]:
    """Replay one file and yield a comparison for each quantity it records."""
    with np.load(path, allow_pickle=False) as archive:
        recorded = dict(archive)
    torch.manual_seed(0)  # only initial values draw, and they are replaced below
    model = build_model(recorded)
    names = parameter_names(model)
    parameters = dict(model.named_parameters())
    unnamed = set(parameters) - set(names.values())
    if unnamed:
        raise SystemExit(f"{path}: no recorded counterpart of {', '.join(sorted(unnamed))}")
    with torch.no_grad():
        for theirs, ours in names.items():
            parameters[ours].copy_(torch.from_numpy(recorded[f"init/{theirs}"]))

    optimizer = torch.optim.Adam(model.parameters(), lr=float(recorded["lr"]))
    rebuild = set(recorded.get("rebuild_item_graph_at_steps", np.array([], int)).tolist())
    for step, batch in enumerate(torch.from_numpy(recorded["batches"])):
        if step in rebuild:
            model.begin_epoch(step, np.random.default_rng(0))
        optimizer.zero_grad()
        loss = model.loss(Batch(*batch))
        loss.backward()
        yield compare(f"loss of step {step}", loss, recorded["loss"][step])
        if step == 0:
            yield from compare_gradients(parameters, names, recorded)
        optimizer.step()
        if step == 0 and "item_graph_after_step0_dense" in recorded:
            assert isinstance(model, LATTICE)
            assert model.graph_of_epoch is not None
            learned = model.graph_of_epoch.to_dense()
            yield compare("item graph of step 0", learned, recorded["item_graph_after_step0_dense"])
    for theirs, name in names.items():
        yield compare(f"final {theirs}", parameters[name], recorded[f"final/{theirs}"])
    yield from compare_ranking(model, recorded)


def build_model(recorded: Recorded) -> LightGCNM | LATTICE:
    """Build the model that a file describes, on the data that it holds."""
    features = feature_tables(recorded)
    dataset = build_dataset(recorded, features)
    shared = {
        "modalities": tuple(features),
        "loaders": tuple(features),
        "factors": recorded["init/Gu.weight"].shape[1],
        "n_layers": int(recorded["n_layers"]),
        "l_w": float(recorded["l_w"]),
    }
    if "cf" not in recorded:
        of_lightgcnm = {
            "aggregation": str(recorded["aggregation"]),
            "normalize": bool(recorded["normalize"]),
        }
        return LightGCNM(LightGCNMConfig.model_validate(shared | of_lightgcnm), dataset)
    n_ui_layers = int(recorded["n_ui_layers"])
    projection = recorded[f"init/projection_m.{next(iter(features))}.weight"]
    of_lattice = {
        "cf": str(recorded["cf"]),
        "n_ui_layers": n_ui_layers,
        "top_k": int(recorded["top_k"]),
        "l_m": float(recorded["l_m"]),
        "factors_multimod": projection.shape[0],
        "ws": (shared["factors"],) * n_ui_layers,
        "dl": (0.0,) * n_ui_layers,
    }
    return LATTICE(LATTICEConfig.model_validate(shared | of_lattice), dataset)


def feature_tables(recorded: Recorded) -> dict[str, NDArray[np.float32]]:
    """Return the raw features by modality, in the order of the file."""
    n_items = int(recorded["num_items"])
    return {
        name: values
        for name, values in recorded.items()
        if "/" not in name
        and name not in NOT_FEATURES
        and not name.startswith("item_graph")
        and values.ndim == 2
        and len(values) == n_items
    }


def build_dataset(recorded: Recorded, features: Mapping[str, NDArray[np.float32]]) -> Dataset:
    """Wrap the arrays of a file as a data set whose ids are its numbers."""
    n_users, n_items = int(recorded["num_users"]), int(recorded["num_items"])
    train = Interactions.from_arrays(
        recorded["train_user"], recorded["train_item"], n_users, n_items
    )
    users, items = (Vocabulary(map(str, range(n))) for n in (n_users, n_items))
    return Dataset("recorded", users, items, train, None, train, dict(features))


def parameter_names(model: LightGCNM | LATTICE) -> dict[str, str]:
    """Map the reference's names of the parameters to ours."""
    modalities = list(model.features)
    names = {"Gu.weight": "user_embedding.weight"}
    if isinstance(model, LightGCNM):
        names |= {f"F.{m}.weight": f"features.{name}" for m, name in enumerate(modalities)}
        projections = {name: f"proj.{m}" for m, name in enumerate(modalities)}
        if model.config.aggregation == "concat":
            projections = {"concat": "proj"}
    else:
        names |= {"Gi.weight": "item_embedding.weight", "importance_weights_m": "importance"}
        names |= {f"Gim.{name}": f"features.{name}" for name in modalities}
        projections = {name: f"projection_m.{name}" for name in modalities}
        if model.config.cf == "ngcf":
            names |= {
                f"propagation_network_recommend.module_{layer}.{part}": (
                    f"collaborative.layers.{layer}.{part}"
                )
                for layer in range(model.config.n_ui_layers)
                for part in ("W1", "b1", "W2", "b2")
            }
    for name, theirs in projections.items():
        names |= {f"{theirs}.{part}": f"projections.{name}.{part}" for part in ("weight", "bias")}
    return names


def compare_gradients(
    parameters: Mapping[str, Tensor], names: Mapping[str, str], recorded: Recorded
) -> Iterator[Comparison]:
    """Compare the gradients of step 0; a parameter that the reference gave none has none here."""
    for theirs, name in names.items():
        gradient = parameters[name].grad
        key = f"grad_step0/{theirs}"
        if key in recorded:
            ours = torch.zeros_like(parameters[name]) if gradient is None else gradient
            yield compare(f"gradient of {theirs}", ours, recorded[key], of_largest=True)
        elif gradient is not None:
            yield compare(
                f"gradient of {theirs} (none recorded)", gradient, np.zeros(gradient.shape)
            )


def compare_ranking(model: LightGCNM | LATTICE, recorded: Recorded) -> Iterator[Comparison]:
    """Compare the embeddings and scores that items are ranked by after the last step."""
    model.eval()
    with torch.no_grad():
        users, items = model.embed()
        scores = model.scorer()(torch.arange(model.n_users))
    yield compare("final user embeddings", users, recorded["final_user"])
    yield compare("final item embeddings", items, recorded["final_item"])
    if isinstance(model, LightGCNM):  # the reference ranks LightGCNM by a sigmoid of the score
        scores = scores.sigmoid()
    yield compare("final scores", scores, recorded["final_scores"])


def compare(
    quantity: str, ours: Tensor, theirs: NDArray[np.generic], *, of_largest: bool = False
) -> Comparison:
    """Compare one quantity with its bound."""
    value = ours.detach().double().numpy()
    expected = np.asarray(theirs, np.float64)
    error = np.abs(value - expected)
    largest = float(np.abs(expected).max(initial=0.0))
    entrywise = ABSOLUTE + RELATIVE * np.abs(expected)
    bound = RELATIVE * largest if of_largest and largest else entrywise
    absolute = float(error.max(initial=0.0))
    relative = absolute / largest if largest else absolute
    return Comparison(quantity, absolute, relative, bool((error <= bound).all()))


if __name__ == "__main__":
    sys.exit(main())
