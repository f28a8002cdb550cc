"""The same vectors in every format, as other tools write them, through the loaders."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from helpers import assert_contains, refusal, write_text, write_vectors
from pyarrow import parquet
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from mmrec.errors import DataError
from mmrec.features import VisualAttribute, load_features
from mmrec.features.convert import convert, fingerprint
from mmrec.features.formats import open_source
from mmrec.installation import install_hint

IDS = ["1000", "7", "007", "42", "B00-x.y", "Zoë", "a b"]
MATRIX = np.random.default_rng(0).normal(size=(len(IDS), 5)).astype(np.float32)


def read(path: Path, ids: Sequence[str] = IDS) -> np.ndarray:
    return load_features([VisualAttribute(path)], ids)["VisualAttribute"]


def refused(path: Path, ids: Sequence[str] = IDS) -> str:
    """What the loader says about a path, which {path} stands for."""
    message = refusal(DataError, read, path, ids)
    return message.replace(str(path), "{path}")


def npy(path: Path, matrix: np.ndarray = MATRIX, suffix: str = ".ids.txt") -> Path:
    np.save(path, matrix)
    text = json.dumps(IDS) if suffix == ".json" else "".join(f"{item}\n" for item in IDS)
    write_text(path.with_name(path.stem + suffix), text)
    return path


def lines(separator: str) -> str:
    return "".join(
        separator.join([item, *map(str, map(float, row))]) + "\n"
        for item, row in zip(IDS, MATRIX, strict=True)
    )


def save_pt(path: Path, value: object, **options: bool) -> Path:
    torch.save(value, path, **options)  # type: ignore[arg-type]
    return path


def tensors() -> dict[str, torch.Tensor]:
    return {item: torch.from_numpy(row.copy()) for item, row in zip(IDS, MATRIX, strict=True)}


def with_ids() -> dict[str, object]:
    return {"ids": IDS, "features": torch.from_numpy(MATRIX)}


def numbered(path: Path, kind: Callable[..., None], **arrays: np.ndarray) -> Path:
    kind(path, **arrays)
    return path


def safetensors(path: Path, **others: np.ndarray) -> Path:
    save_file({"features": MATRIX, **others}, path, {"ids": json.dumps(IDS)})
    return path


def recbole() -> str:
    rows = "".join(
        f"{item}\t{' '.join(map(str, map(float, row)))}\n"
        for item, row in zip(IDS, MATRIX, strict=True)
    )
    return f"iid:token\titem_emb:float_seq\n{rows}"


def per_item() -> dict[str, np.ndarray]:
    return dict(zip(IDS, MATRIX, strict=True))


# Each writes below a folder and returns what the experiment file would name.
FORMATS: dict[str, Callable[[Path], Path]] = {
    "folder": lambda root: write_vectors(root / "f", per_item()),
    "npy": lambda root: npy(root / "f.npy"),
    "npy, txt": lambda root: npy(root / "f.npy", suffix=".txt"),
    "npy, tsv": lambda root: npy(root / "f.npy", suffix=".tsv"),
    "npy, json": lambda root: npy(root / "f.npy", suffix=".json"),
    "npy, columns first": lambda root: npy(root / "f.npy", np.asfortranarray(MATRIX)),
    "npy, doubles of the other byte order": lambda root: npy(root / "f.npy", MATRIX.astype(">f8")),
    "npz": lambda root: numbered(root / "f.npz", np.savez, ids=np.array(IDS), features=MATRIX),
    "npz, compressed": lambda root: numbered(
        root / "f.npz", np.savez_compressed, ids=np.char.encode(IDS, "utf-8"), features=MATRIX
    ),
    "npz, one for each": lambda root: numbered(root / "f.npz", np.savez, **per_item()),
    "safetensors": lambda root: safetensors(root / "f.safetensors"),
    "safetensors, other tensors": lambda root: safetensors(
        root / "f.safetensors", a=np.ones(3), z=np.ones(3, np.float16)
    ),
    "pt": lambda root: save_pt(root / "f.pt", with_ids()),
    "pt, old": lambda root: save_pt(
        root / "f.pth", with_ids(), _use_new_zipfile_serialization=False
    ),
    "pt, one for each": lambda root: save_pt(root / "f.pt", tensors()),
    "csv": lambda root: write_text(root / "f.csv", lines(",")),
    "csv, header": lambda root: write_text(root / "f.csv", "asin,x,y,z,v,w\n" + lines(",")),
    "csv, pandas": lambda root: write_text(root / "f.csv", ",0,1,2,3,4\n" + lines(",")),
    "csv, Windows": lambda root: write_text(
        root / "f.csv", "\ufeff" + lines(",").replace("\n", "\r\n")
    ),
    "csv, gzip": lambda root: write_text(root / "f.csv.gz", gzip.compress(lines(",").encode())),
    "tsv": lambda root: write_text(root / "f.tsv", lines("\t")),
    "RecBole": lambda root: write_text(root / "f.itememb", recbole()),
    "RecBole, any ending": lambda root: write_text(root / "ml-1m.feat", recbole()),
    "Ducho": lambda root: write_vectors(
        make(root / "f/torch/ResNet50/avgpool"), per_item()
    ).parents[2],
}


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_gives_the_same_rows(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = write(tmp_path)
    assert set(VisualAttribute(path).items()) == set(IDS)
    np.testing.assert_array_equal(read(path), MATRIX)
    wanted = ["Zoë", "7", "7"]
    np.testing.assert_array_equal(read(path, wanted), MATRIX[[5, 1, 1]])
    absent = refused(path, ["7", "8"])
    assert absent.startswith("{path}")
    assert absent.endswith(" for the items 8")


def test_a_whole_matrix_is_mapped_and_not_copied(tmp_path: Path) -> None:
    for path in (npy(tmp_path / "f.npy"), safetensors(tmp_path / "g.safetensors")):
        found = open_source(path).read(IDS)
        assert not found.flags.owndata
        assert not found.flags.writeable


@pytest.mark.parametrize("write", [np.save, lambda path, x: save_pt(path, torch.from_numpy(x))])
def test_without_ids_the_rows_are_numbered_and_the_log_says_so(
    write: Callable[[Path, np.ndarray], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / ("image_feat.npy" if write is np.save else "image_feat.pt")
    write(path, MATRIX)
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(read(path, ["3", "0"]), MATRIX[[3, 0]])
    assert "without an id file (such as image_feat.ids.txt)" in caplog.text
    assert "the row numbers 0 to 6" in caplog.text


def test_a_mapping_from_id_to_row(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", MATRIX)
    rows = {item: row for row, item in reversed(list(enumerate(IDS)))}
    write_text(tmp_path / "f.json", json.dumps(rows))
    np.testing.assert_array_equal(read(tmp_path / "f.npy"), MATRIX)


@pytest.mark.parametrize("kind", ["f2", "i8", "u1", "bf16"])
def test_other_kinds_of_tensors(kind: str, tmp_path: Path) -> None:
    values = torch.tensor([[0, 1, 2], [3, 4, 120]])
    dtype = torch.bfloat16 if kind == "bf16" else getattr(torch, str(np.dtype(kind)))
    save_tensors({"features": values.to(dtype)}, tmp_path / "f.safetensors")
    save_pt(tmp_path / "f.pt", values.to(dtype))
    for name in ("f.safetensors", "f.pt"):
        assert read(tmp_path / name, ["1", "0"]).tolist() == [[3, 4, 120], [0, 1, 2]]


def test_ids_that_are_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", ids=np.array([7, 42, -1]), features=MATRIX[:3])
    save_pt(tmp_path / "f.pt", {7: torch.ones(2), 42: torch.zeros(2)})
    save_pt(tmp_path / "g.pt", {"ids": torch.tensor([7, 42]), "features": torch.eye(2)})
    assert list(open_source(tmp_path / "f.npz").ids) == ["7", "42", "-1"]
    assert read(tmp_path / "f.pt", ["42", "7"]).tolist() == [[0, 0], [1, 1]]
    assert read(tmp_path / "g.pt", ["42", "7"]).tolist() == [[0, 1], [1, 0]]


def test_an_archive_of_one_array_without_a_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", MATRIX)
    assert_contains(
        refused(tmp_path / "f.npz"), ["{path}:", "'ids'", "'features'", "arr_0", "item"]
    )


def test_only_the_vectors_asked_for_need_to_be_sound(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", a=np.ones(2), b=np.ones(3), c=np.array(["text"]))
    save_pt(tmp_path / "f.pt", {"a": torch.ones(2), "b": torch.ones(3), "c": "text"})
    for path in (tmp_path / "f.npz", tmp_path / "f.pt"):
        assert read(path, ["a"]).tolist() == [[1, 1]]
        assert_contains(refused(path, ["a", "b", "a"]), ["{path}:", "'b'", "vectors", "lengths"])
        assert "expected a vector" in refused(path, ["c"])


def test_the_columns_of_an_atomic_file(tmp_path: Path) -> None:
    content = "price:float\titem_id:token\ttitle:token_seq\temb:float_seq\n1.5\t7\tA b\t1 2\n"
    assert read(write_text(tmp_path / "f.item", content), ["7"]).tolist() == [[1, 2]]
    bad = write_text(tmp_path / "g.itememb", "item_id:token\ta:float_seq\tb:float_seq\n7\t1\t2\n")
    assert_contains(refused(bad), ["{path}:1:", "'NAME:token'", "header", "column"])


def test_quoted_ids_of_a_csv(tmp_path: Path) -> None:
    path = write_text(tmp_path / "f.csv", '"a,b",1,2\n"say ""x""",3,4\n')
    assert read(path, ['say "x"', "a,b"]).tolist() == [[3, 4], [1, 2]]


def test_nested_folders(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "visual"
    write_vectors(make(root / "torch/ResNet50/avgpool"), {"1": np.ones(2)})
    make(root / ".hidden")
    write_vectors(root / ".hidden", {"1": np.ones(3)})
    with caplog.at_level(logging.INFO):
        assert read(root, ["1"]).tolist() == [[1, 1]]
    assert f"the only subfolder with vectors, {root}/torch/ResNet50/avgpool" in caplog.text
    write_vectors(make(root / "tensorflow/VGG19/fc2"), {"1": np.ones(4)})
    assert_contains(refused(root, ["1"]), ["{path}:", "VGG19", "ResNet50", "VisualAttribute"])
    np.save(root / "1.npy", np.ones(5))
    assert read(root, ["1"]).tolist() == [[1] * 5]


def test_the_folders_that_ducho_writes(tmp_path: Path) -> None:
    visual, textual = tmp_path / "visual_embeddings", tmp_path / "textual_embeddings"
    layers = {
        visual: (visual / "torch/ResNet50/avgpool", MATRIX),
        # One row of a batch for each text, and models whose names have a slash.
        textual: (
            textual / "sentence_transformers/sentence-transformers/all-mpnet-base-v2/1",
            MATRIX[:, None],
        ),
    }
    for root, (layer, vectors) in layers.items():
        layer.mkdir(parents=True)
        write_vectors(layer, dict(zip(IDS, vectors, strict=True)))
        np.testing.assert_array_equal(read(root, IDS[::-1]), MATRIX[::-1])
        np.testing.assert_array_equal(read(root, IDS), MATRIX)
        report = convert(root, tmp_path / f"{root.name}.npz")
        assert (report.n_items, report.width) == MATRIX.shape
    assert fingerprint(open_source(visual)) == fingerprint(open_source(textual))


def test_numbers_in_the_byte_order_of_another_machine(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(npy(tmp_path / "f.npy", MATRIX.astype(">f8"))), MATRIX)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("f", ["no such folder"]),
        ("f.npz", ["no such file"]),
        ("f.csv.gz", ["no such file"]),
        ("f.dat", ["no such folder"]),
    ],
)
def test_a_path_that_leads_nowhere(name: str, facts: list[str], tmp_path: Path) -> None:
    assert_contains(refused(tmp_path / name), ["{path}:", *facts, "VisualAttribute"])


def test_a_file_of_no_known_format(tmp_path: Path) -> None:
    path = write_text(tmp_path / "features.pkl", b"\x80\x04")
    assert_contains(
        refused(path),
        ["{path}:", ".csv.gz", ".tsv.gz", ".itememb.gz", "VisualAttribute", "folder", "item"],
    )


def test_a_format_named_by_hand(tmp_path: Path) -> None:
    path = write_text(tmp_path / "features.dat", lines(","))
    assert list(open_source(path, "csv").ids) == IDS
    assert_contains(
        refusal(DataError, open_source, path, "cvs"),
        ["'cvs'", "'csv'", "unknown", "format", "folder"],
    )
    assert refusal(DataError, open_source, path, "folder").endswith(
        "expected a folder of <item>.npy files"
    )
    assert refusal(DataError, open_source, tmp_path, "csv").endswith("expected a csv file")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = write_text(tmp_path / "f.parquet", "PAR1")
    message = refused(path)
    assert_contains(message, ["{path}:", "files"])
    assert install_hint("parquet") in message


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    wide = {f"x{n}": MATRIX[:, n] for n in range(5)}
    kinds = (
        arrow.list_(arrow.float64()),
        arrow.large_list(arrow.float32()),
        arrow.list_(arrow.float32(), 5),
    )
    tables = [arrow.table({"id": IDS, "emb": arrow.array(MATRIX.tolist(), kind)}) for kind in kinds]
    for table in (*tables, arrow.table({"id": IDS, **wide})):
        parquet.write_table(table, path, row_group_size=3)
        np.testing.assert_array_equal(read(path), MATRIX)
    for table, reported in (
        ({"film": ["a"], "x": [1.0]}, "expected one column 'id', found film, x; write 'id: COLUMN"),
        ({"id": ["a"]}, "found none"),
        ({"id": ["a"], "x": ["b"]}, "found x (string)"),
        ({"id": ["a", "a"], "x": [1.0, 2.0]}, "duplicate id 'a': rows 0 and 1"),
        ({"id": ["a", None], "x": [1.0, 2.0]}, "as the id of row 1, found None"),
        ({"id": ["a", "b"], "x": [1.0, None]}, "the vector of row 1 is missing"),
        ({"id": ["a", "b"], "x": [[1.0], None]}, "the vector of row 1 is missing"),
        ({"id": ["a", "b"], "x": [[1.0], [None]]}, "the vector of row 1 contains a null"),
        ({"id": ["a", "b"], "x": [[1.0], [1, 2]]}, "different lengths: 1 in row 0, 2 in row 1"),
    ):
        parquet.write_table(arrow.table(table), path)
        assert reported in refused(path, ["a"])
