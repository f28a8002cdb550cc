"""Files whose arrays have other names than ids and features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ROOT, assert_contains, refusal
from safetensors.numpy import save_file
from scipy import sparse

from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.features.formats import open_source

CASES = ROOT.parent / "shared" / "cases" / "array_names_taken_for_ids"
MATRIX = np.arange(12, dtype=np.float32).reshape(6, 2)
IDS = np.arange(6)
"""As many bytes as the matrix."""

OTHERS: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    "npz": (
        "f.npz",
        lambda path: np.savez(path, item_ids=IDS, embeddings=MATRIX),
        ["item_ids", "embeddings"],
    ),
    "npz, text ids": (
        "f.npz",
        lambda path: np.savez(path, embeddings=MATRIX, names=IDS.astype(str)),
        ["embeddings", "names"],
    ),
    "npz, ids only": ("f.npz", lambda path: np.savez(path, ids=IDS, x=MATRIX), ["ids", "x"]),
    "npz, sparse": ("f.npz", lambda path: sparse.save_npz(path, sparse.eye(6, format="csr")), []),
    "npz, behind many vectors": (
        "f.npz",
        lambda path: np.savez(path, **dict.fromkeys(map(str, range(40)), MATRIX[0]), x=MATRIX),
        [],
    ),
    "pt": (
        "f.pt",
        lambda path: torch.save({"item_ids": IDS.tolist(), "embeddings": torch.eye(6)}, path),
        ["item_ids", "embeddings"],
    ),
    "pt, features only": (
        "f.pt",
        lambda path: torch.save({"features": torch.eye(6)[0], "names": torch.ones(6)}, path),
        ["features", "names"],
    ),
    "pt, state": (
        "f.pt",
        lambda path: torch.save(torch.nn.Linear(2, 6).state_dict(), path),
        ["weight", "bias"],
    ),
    "pt, state within": (
        "f.pt",
        lambda path: torch.save({"model": {"bias": torch.ones(2)}}, path),
        ["model"],
    ),
    "safetensors": (
        "f.safetensors",
        lambda path: save_file({"item_ids": IDS, "embeddings": MATRIX}, path),
        ["item_ids", "embeddings"],
    ),
    "safetensors, other ids": (
        "f.safetensors",
        lambda path: save_file({"item_ids": IDS, "features": MATRIX}, path),
        ["item_ids", "features"],
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_was_found_and_expected_is_named(tmp_path, kind):
    name, write, found = OTHERS[kind]
    write(tmp_path / name)
    message = refusal(DataError, open_source, tmp_path / name)
    assert_contains(message, [f"{tmp_path / name}:", "'features'", *found])


def test_more_arrays_than_ids_and_features(tmp_path):
    np.savez(tmp_path / "f.npz", ids=IDS, features=MATRIX, more=MATRIX)
    torch.save(
        {"ids": IDS.tolist(), "features": torch.from_numpy(MATRIX), "more": "text"},
        tmp_path / "f.pt",
    )
    save_file({"ids": IDS, "features": MATRIX, "more": MATRIX}, tmp_path / "f.safetensors")
    for path in tmp_path.iterdir():
        assert open_source(path).read(["5", "0"]).tolist() == [[10, 11], [0, 1]]


def test_the_tensor_of_ids_is_read(tmp_path):
    save_file({"ids": IDS[::-1].copy(), "features": MATRIX}, tmp_path / "f.safetensors")
    assert open_source(tmp_path / "f.safetensors").read(["5", "4"]).tolist() == [[0, 1], [2, 3]]


def test_vectors_with_one_row_each(tmp_path):
    np.savez(tmp_path / "f.npz", a=MATRIX[:1], b=MATRIX[1:2])
    assert open_source(tmp_path / "f.npz").read(["b"]).tolist() == [[2, 3]]


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not part of the repository")
@pytest.mark.parametrize(
    ("config", "found"),
    [("a", ["item_ids", "embeddings"]), ("b", ["item_ids", "embeddings"]), ("d", [])],
)
def test_the_published_cases(capsys, config, found):
    assert main(["plan", str(CASES / f"{config}.yml")]) == 2
    file = "a.npz" if config == "a" else f"{config}.pt"
    assert_contains(capsys.readouterr().err, [file, "'ids'", "'features'", *found])


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not part of the repository")
def test_the_published_case_with_one_entry_more(capsys):
    assert main(["plan", str(CASES / "c.yml")]) == 0
