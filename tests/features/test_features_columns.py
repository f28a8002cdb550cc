"""Tables of vectors with columns of row numbers, and with the ids in any column."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import assert_contains, refusal, write_text
from safetensors.numpy import save_file

from mmrec.errors import DataError
from mmrec.features.formats import open_source

IDS = ["3", "5", "0", "2", "1", "4"]
VECTORS = pd.DataFrame(
    {"f0": [1, 1, 0, 0, 0.5, 0.5], "f1": [0, 0, 1, 1, 0.5, -0.5]}, dtype="float32"
)
BY_ID = dict(zip(IDS, VECTORS.to_numpy().tolist(), strict=True))

Write = Callable[[pd.DataFrame, Path], Path]


def as_csv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "f.csv", index=False)
    return folder / "f.csv"


def as_tsv(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "f.tsv.gz", index=False, sep="\t")
    return folder / "f.tsv.gz"


def as_parquet(frame: pd.DataFrame, folder: Path) -> Path:
    pytest.importorskip("pyarrow")
    frame.to_parquet(folder / "f.parquet", index=False)
    return folder / "f.parquet"


def with_ids(name: str = "item_id", place: int = 0) -> pd.DataFrame:
    frame = VECTORS.copy()
    frame.insert(place, name, [int(item) for item in IDS])
    return frame


def vectors(path: Path, id_column: str | None = None) -> dict[str, list[float]]:
    source = open_source(path, id_column=id_column)
    ids = list(source.ids)
    return dict(zip(ids, source.read(ids).tolist(), strict=True))


each_form = pytest.mark.parametrize("write", [as_csv, as_tsv, as_parquet])


@each_form
@pytest.mark.parametrize("id_name", ["id", "item_id", "itemID", "asin", "iid", "Product_ID"])
@pytest.mark.parametrize("index", ["Unnamed: 0", "Unnamed: 0.1", "", "__index_level_0__", "index"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_row_numbers_are_neither_ids_nor_features(
    write: Write, id_name: str, index: str, place: int, tmp_path: Path
) -> None:
    frame = with_ids(id_name)
    frame.insert(place, index, range(10, 16))
    assert vectors(write(frame, tmp_path)) == BY_ID


@each_form
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_ids_may_be_in_any_column(write: Write, place: int, tmp_path: Path) -> None:
    assert vectors(write(with_ids("movieId", place), tmp_path)) == BY_ID


@each_form
def test_id_names_the_column(write: Write, tmp_path: Path) -> None:
    frame = with_ids("sku", 1)
    frame.insert(0, "item_id", range(6))
    path = write(frame, tmp_path)
    assert vectors(path, "sku") == BY_ID
    message = refusal(DataError, lambda: open_source(path, id_column="skus"))
    assert_contains(message, [path, "'skus'", "'sku'"])


@each_form
def test_several_columns_of_ids_are_refused(write: Write, tmp_path: Path) -> None:
    frame = with_ids()
    frame.insert(2, "asin", range(6))
    path = write(frame, tmp_path)
    assert_contains(refusal(DataError, open_source, path), [path, "'item_id', 'asin'", "id: "])


@each_form
def test_row_numbers_next_to_an_unknown_name_are_refused(write: Write, tmp_path: Path) -> None:
    frame = with_ids("song")
    frame.insert(0, "Unnamed: 0", range(6))
    path = write(frame, tmp_path)
    assert_contains(refusal(DataError, open_source, path), [path, "song", "id: COLUMN"])
    assert vectors(path, "song") == BY_ID


@pytest.mark.parametrize("indexed", [True, False])
def test_an_unnamed_first_column_of_other_ids(indexed: bool, tmp_path: Path) -> None:
    frame = VECTORS.copy()
    frame.columns = [0, 1]
    if indexed:
        frame.index = [int(item) for item in IDS]
    frame.to_csv(tmp_path / "f.csv")
    source = open_source(tmp_path / "f.csv")
    assert list(source.ids) == (IDS if indexed else [str(row) for row in range(6)])
    assert source.has_row_numbers is not indexed
    assert source.read(list(source.ids)).tolist() == list(BY_ID.values())


@each_form
@pytest.mark.parametrize("id_column", [None, "item_id"])
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize(
    "values", [range(6), range(1, 7), [3, 5, 0, 2, 1, 4]], ids=["from 0", "from 1", "ids"]
)
def test_row_numbers_and_ids_under_any_name_are_not_features(
    write: Write, id_column: str | None, place: int, values: Iterable[int], tmp_path: Path
) -> None:
    frame = with_ids()
    frame.insert(place, "rownames", list(values))
    path = write(frame, tmp_path)
    message = refusal(DataError, lambda: open_source(path, id_column=id_column))
    assert_contains(message, [path, "'rownames'"])


@pytest.mark.parametrize("values", [range(6), range(1, 7), [3, 5, 0, 2, 1, 4]], ids=str)
@pytest.mark.parametrize("kind", ["npy", "npz", "pt", "safetensors"])
def test_row_numbers_and_ids_are_no_features_of_a_matrix(
    kind: str, values: Iterable[int], tmp_path: Path
) -> None:
    matrix = np.column_stack([VECTORS, list(values)]).astype(np.float32, order="C")
    path = tmp_path / f"f.{kind}"
    if kind == "npy":
        np.save(path, matrix)
        write_text(tmp_path / "f.ids.txt", "\n".join(IDS))
    elif kind == "npz":
        np.savez(path, ids=IDS, features=matrix)
    elif kind == "pt":
        torch.save({"ids": IDS, "features": torch.from_numpy(matrix)}, path)
    else:
        save_file({"features": matrix}, path, {"ids": json.dumps(IDS)})
    assert_contains(refusal(DataError, open_source, path), [path, "column 2"])


UNCLEAR: dict[str, str] = {
    "row numbers, then ids": "row,song,f0,f1",
    "row numbers from 1": "n,song,f0,f1",
    "no name, then ids": ",f0,Unnamed: 0,f1",
    "two indices": "Unnamed: 0.1,Unnamed: 0,f0,f1",
    "an index behind row numbers": "row,f0,f1,index",
    "no header": "",
}


@pytest.mark.parametrize("kind", UNCLEAR)
@pytest.mark.parametrize("separator", [",", "\t"])
def test_ids_that_may_be_in_another_column_are_refused(
    kind: str, separator: str, tmp_path: Path
) -> None:
    first = 1 if "from 1" in kind else 0
    names = UNCLEAR[kind].split(",")
    is_id = {"song", "Unnamed: 0", "index"}
    lines = [] if names == [""] else [names]
    names = names if lines else ["row", "song", "f0", "f1"]
    for row, item_id in enumerate(IDS):
        numbers = iter(map(str, VECTORS.iloc[row]))
        fields = [str(row + first)]
        fields += [item_id if name in is_id else next(numbers) for name in names[1:]]
        lines.append(fields)
    text = "".join(separator.join(fields) + "\n" for fields in lines)
    path = write_text(tmp_path / ("f.csv" if separator == "," else "f.tsv"), text)
    assert_contains(refusal(DataError, open_source, path), [path, "id", "first column"])


@pytest.mark.parametrize("first", [0, 1])
def test_the_row_names_of_r_are_row_numbers(first: int, tmp_path: Path) -> None:
    rows = [f"{row + first},{a},{b}\n" for row, (a, b) in enumerate(BY_ID.values())]
    source = open_source(write_text(tmp_path / "f.csv", "f0,f1\n" + "".join(rows)))
    assert source.has_row_numbers
    assert list(source.ids) == [str(row + first) for row in range(6)]
    assert source.read(list(source.ids)).tolist() == list(BY_ID.values())


@each_form
@pytest.mark.parametrize("name", ["label", "price", "rating", "timestamp"])
@pytest.mark.parametrize("place", [0, 3])
def test_a_column_unlike_the_others_is_a_warning(
    write: Write, name: str, place: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = with_ids().assign(f2=0.5)
    assert len(vectors(write(frame, tmp_path))["3"]) == 3
    assert not caplog.records
    frame.insert(place, name, [1, 0, 1, 2, 0, 0])
    assert len(vectors(write(frame, tmp_path))["3"]) == 4
    [record] = caplog.records
    assert_contains(record.getMessage(), ["f.", f"'{name}'", "'f0'"])


def test_the_columns_of_an_atomic_file(tmp_path: Path) -> None:
    lines = [f"r{row}\t{i}\t{a} {b}" for row, (i, (a, b)) in enumerate(BY_ID.items())]
    head = "row:token\titem_id:token\tvector:float_seq"
    path = write_text(tmp_path / "f.itememb", "\n".join([head, *lines]) + "\n")
    assert vectors(path) == BY_ID
    assert list(vectors(path, "row")) == [f"r{row}" for row in range(6)]
    other = write_text(tmp_path / "g.itememb", "\n".join([head.replace("item_", ""), *lines]))
    assert vectors(other) == BY_ID
    unclear = write_text(tmp_path / "h.itememb", "\n".join([head.replace("item_id", "x"), *lines]))
    assert_contains(refusal(DataError, open_source, unclear), ["'row', 'x'", "id: COLUMN"])


def test_id_needs_a_table(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", VECTORS.to_numpy())
    write_text(tmp_path / "g.csv", "7,1,2\n")
    message = refusal(DataError, lambda: open_source(tmp_path / "f.npy", id_column="id"))
    assert_contains(message, ["f.npy", "id: id", "csv"])
    message = refusal(DataError, lambda: open_source(tmp_path / "g.csv", id_column="id"))
    assert_contains(message, ["g.csv:1", "'id'", "header"])


def test_a_line_of_another_length_is_refused(tmp_path: Path) -> None:
    path = write_text(tmp_path / "f.csv", ",item_id,x\n0,7,1\n1,8,1,2\n")
    assert_contains(refusal(DataError, open_source, path), ["f.csv:3", "3", "4"])


def test_the_command_converts_by_the_named_column(tmp_path: Path) -> None:
    from mmrec.features.convert import convert

    path = as_csv(with_ids("sku", 2), tmp_path)
    convert(path, tmp_path / "g.npz", id_column="sku")
    assert vectors(tmp_path / "g.npz") == BY_ID
