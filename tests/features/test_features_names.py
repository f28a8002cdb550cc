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


OTHER_ID_FILES = [
    "f_ids.txt",
    "f.ids.npy",
    "f_item_ids.npy",
    "f.ids.json",
    "f.npy.ids.txt",
    "f.ids",
    "F.IDS.TXT",
    "f-index.csv",
    "f_id_map.json",
    "f.csv",
]


@pytest.mark.parametrize("name", OTHER_ID_FILES)
def test_a_file_with_ids_that_is_not_read_is_refused(tmp_path, name):
    np.save(tmp_path / "f.npy", MATRIX)
    (tmp_path / name).write_bytes(b"3\n5\n")
    message = refusal(DataError, open_source, tmp_path / "f.npy")
    assert_contains(message, [tmp_path / "f.npy", name, "f.ids.txt"])
    (tmp_path / "f.ids.txt").write_text("a\nb\nc\nd\ne\nf\n")
    assert list(open_source(tmp_path / "f.npy").ids) == list("abcdef")


@pytest.mark.parametrize("name", ["item_ids.npy", "ids.txt", "item_id.json"])
def test_a_file_that_may_have_the_ids_is_a_warning(tmp_path, name, caplog):
    (tmp_path / name).write_bytes(b"3\n5\n")
    np.save(tmp_path / "f.npy", MATRIX)
    assert open_source(tmp_path / "f.npy").has_row_numbers
    [record] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert_contains(record.getMessage(), ["f.npy", name, "f.ids.txt"])


@pytest.mark.parametrize(
    "name", ["f.yml", "f.csv", "feats_ids.txt", "f2.npy", "i_id_mapping.csv", "f.inter"]
)
def test_other_files_next_to_a_matrix_are_of_no_account(tmp_path, name, caplog):
    (tmp_path / name).write_bytes(b"3,1,2\n5,1,2\n")
    np.save(tmp_path / "f.npy", MATRIX)
    assert open_source(tmp_path / "f.npy").has_row_numbers
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_mapping_between_the_same_numbers_is_refused(tmp_path):
    np.save(tmp_path / "f.npy", MATRIX)
    (tmp_path / "f.json").write_text('{"0": 3, "1": 5, "2": 0, "3": 2, "4": 1, "5": 4}')
    message = refusal(DataError, open_source, tmp_path / "f.npy")
    assert_contains(message, [tmp_path / "f.json", "list"])
    (tmp_path / "f.json").write_text('{"3": 0, "5": 1, "0": 2, "2": 3, "1": 4, "4": 5}')
    assert open_source(tmp_path / "f.npy").read(["5", "3"]).tolist() == [[2, 3], [0, 1]]


@pytest.mark.parametrize(
    "text",
    [
        '["3", "5", "0", "2", "1", "4"]',
        "3,5,0,2,1,4",
        '{"3": 0, "5": 1, "0": 2, "2": 3, "1": 4, "4": 5}',
    ],
)
def test_metadata_with_ids_under_another_name_are_refused(tmp_path, text):
    path = tmp_path / "f.safetensors"
    save_file({"features": MATRIX}, path, {"item_ids": text})
    assert_contains(refusal(DataError, open_source, path), [path, "'ids'", "'item_ids'"])
    save_file({"features": MATRIX}, path, {"format": "pt", "model": "clip, large"})
    assert open_source(path).has_row_numbers


def test_an_array_of_records_is_named(tmp_path):
    np.save(tmp_path / "f.npy", np.rec.fromarrays(MATRIX.T))
    assert_contains(refusal(DataError, open_source, tmp_path / "f.npy"), ["numbers", "f0"])


def test_utf_16_is_no_utf_8(tmp_path):
    (tmp_path / "f.csv").write_bytes("item_id,a\n7,1\n".encode("utf-16"))
    assert_contains(refusal(DataError, open_source, tmp_path / "f.csv"), ["f.csv:", "UTF-8"])


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("place", [0, 2])
def test_a_matrix_with_a_column_of_ids_is_refused(tmp_path, first, place):
    shuffled = np.array([3, 5, 0, 2, 1, 4]) + first
    np.save(tmp_path / "f.npy", np.insert(MATRIX + 0.5, place, shuffled, axis=1))
    message = refusal(DataError, open_source, tmp_path / "f.npy")
    assert_contains(message, [tmp_path / "f.npy", f"column {place}", "ids"])
    (tmp_path / "f.ids.txt").write_text("a\nb\nc\nd\ne\nf\n")
    assert open_source(tmp_path / "f.npy").read(["a"]).shape == (1, 3)
