"""Experiments on data with the faults that docs/data.md lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from helpers import write_text

_Row = tuple[str, str, str]
"""User, item and rating."""
_Keys = dict[str, Any]

N_ITEMS = 30
ROWS: list[_Row] = [
    (f"u{user}", str((user + place) % N_ITEMS), str(1 + place % 5))
    for user in range(N_ITEMS)
    for place in range(3)
]
MATRIX = np.random.default_rng(0).normal(size=(N_ITEMS, 4)).astype(np.float32)


def write_faulty_experiment(have: str, folder: Path) -> Path:
    """Write the data that a row of the doc describes, and an experiment on them."""
    for place, split in enumerate(("train", "val", "test")):
        _write(folder / f"{split}.tsv", ROWS[place::3] if place else ROWS[::3] + ROWS[1::3][:9])
    data = {
        "strategy": "fixed",
        **{f"{key}_path": f"{split}.tsv" for key, split in _SPLITS.items()},
    }
    keys = FAULTY[have](folder)
    loader, modality = "VisualAttribute", "visual"
    if "attribute_file" in keys:
        loader, modality = "ItemAttributes", "attributes"
    features = {key: keys.pop(key) for key in ("visual_features", "attribute_file") if key in keys}
    if features:
        data["side_information"] = [{"dataloader": loader, **features}]
    if "dataset_path" in keys:
        data = {"strategy": "dataset"}
        keys["splitting"] = {"test_splitting": {"strategy": "temporal_hold_out", "leave_n_out": 1}}
    sections = {"splitting": keys.pop("splitting")} if "splitting" in keys else {}
    model = {"ItemKNNCBF": {"modalities": [modality]}} if features else {"MostPop": {}}
    experiment = {
        "dataset": "faulty",
        "data_config": data | keys,
        "top_k": 3,
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": model,
        **sections,
    }
    return write_text(folder / "faulty.yml", yaml.safe_dump({"experiment": experiment}))


_SPLITS = {"train": "train", "validation": "val", "test": "test"}


def _write(path: Path, rows: list[_Row], head: str = "") -> None:
    write_text(path, head + "".join("\t".join(row) + "\n" for row in rows))


def _train(
    change: Callable[[int, _Row], _Row], head: str = "", **keys: Any
) -> Callable[..., _Keys]:
    """Change the rows of all splits, and put a header above them."""

    def write(folder: Path) -> _Keys:
        for split in _SPLITS.values():
            path = folder / f"{split}.tsv"
            rows = [line.split("\t") for line in path.read_text().splitlines()]
            _write(path, [change(n, (u, i, r)) for n, (u, i, r) in enumerate(rows)], head)
        return dict(keys)

    return write


def _first_item(name: str) -> Callable[..., _Keys]:
    """Give the first item of each split another name."""
    return _train(lambda n, row: (row[0], name, row[2]) if n == 0 else row)


def _one_file(times: Callable[[int], str]) -> Callable[[Path], _Keys]:
    def write(folder: Path) -> _Keys:
        lines = ["\t".join([*row, times(n)]) + "\n" for n, row in enumerate(ROWS)]
        write_text(folder / "all.tsv", "".join(lines))
        return {"dataset_path": "all.tsv"}

    return write


def _vectors(name: str, write: Callable[[Path], object]) -> Callable[[Path], _Keys]:
    def written(folder: Path) -> _Keys:
        write(folder / name)
        return {"visual_features": name}

    return written


def _table(head: str, fields: Callable[[int], list[Any]]) -> Callable[[Path], _Keys]:
    """Write a table of vectors; ``fields`` are those before the numbers of a row."""

    def lines() -> Iterator[str]:
        yield f"{head},{','.join(f'f{n}' for n in range(MATRIX.shape[1]))}\n"
        for row, vector in enumerate(MATRIX.tolist()):
            yield ",".join(map(str, [*fields(row), *vector])) + "\n"

    return _vectors("f.csv", lambda path: write_text(path, "".join(lines())))


def _matrix_with_ids(folder: Path) -> _Keys:
    np.save(folder / "image_feat.npy", MATRIX)
    np.save(folder / "image_feat_ids.npy", np.arange(N_ITEMS)[::-1])
    return {"visual_features": "image_feat.npy"}


def _items_from_one(folder: Path) -> _Keys:
    _train(lambda _, row: (row[0], str(int(row[1]) + 1), row[2]))(folder)
    return _vectors("f.npy", lambda path: np.save(path, MATRIX))(folder)


def _appended(folder: Path) -> _Keys:
    _train(lambda _, row: row[:2], "user\titem\n")(folder)  # type: ignore[arg-type,return-value]
    path = folder / "train.tsv"
    write_text(path, path.read_text() * 2)
    return {"header": True}


def _other_validation_items(folder: Path) -> _Keys:
    _write(folder / "val.tsv", [(u, f"{i}.0", r) for u, i, r in ROWS[1::3]])
    return {}


def _attributes(head: str) -> Callable[[Path], _Keys]:
    def write(folder: Path) -> _Keys:
        lines = [f"{item}\tgenre {item % 5}|x\n" for item in range(N_ITEMS)]
        write_text(folder / "genres.tsv", head + "".join(lines))
        return {"attribute_file": "genres.tsv"}

    return write


def _other(row: int) -> int:
    """The id of a row in a table whose rows are not in the order of the ids."""
    return (row + 7) % N_ITEMS


FAULTY: dict[str, Callable[[Path], _Keys]] = {
    "negative ratings": _train(lambda n, row: (*row[:2], "-1" if n == 0 else row[2])),
    "timestamps in the third column": _train(lambda n, row: (*row[:2], str(1_400_000_000 + n))),
    "ratings in a column that is not read": _train(
        lambda _, row: row, "user\titem\tstars\n", header=True
    ),
    "ids such as `nan`, `None` and `NULL`": _first_item("None"),
    "ids that differ only in white space or a trailing `.0`": _first_item("7.0"),
    "ids such as `1.2E+17`, which a spreadsheet rounded": _first_item("1.2E+17"),
    "invisible characters in ids, such as a byte order mark": _first_item("\ufeff7"),
    "an empty id": _first_item(""),
    "a header without `header: true`": _train(
        lambda n, row: ("customer", "song") if n == 0 else row[:2]  # type: ignore[return-value]
    ),
    "the header again, further down": _appended,
    "row numbers in the first column, without a header": _train(
        lambda n, row: (str(n), row[0], row[1])
    ),
    "a user and several items in each line": _train(
        lambda n, row: (row[0], row[1], str((n + 3) % N_ITEMS))
    ),
    "dates before 1678 or after 2261, where times count": _one_file(lambda n: "9999-12-31"),
    "equal timestamps only, where times count": _one_file(lambda n: "7"),
    "UTF-8 with `encoding: latin-1`": _train(
        lambda _, row: (f"é{row[0]}", *row[1:]), encoding="latin-1"
    ),
    "validation items that differ from all trained ones": _other_validation_items,
    "a matrix without ids, for items from 1": _items_from_one,
    "a matrix without ids, with a row of padding": _vectors(
        "f.npy", lambda path: np.save(path, np.vstack([np.zeros_like(MATRIX[:1]), MATRIX]))
    ),
    "a matrix with ids in `image_feat_ids.npy`": _matrix_with_ids,
    "a matrix without ids, with the ids in a column": _vectors(
        "f.npy",
        lambda path: np.save(path, np.column_stack([MATRIX, list(map(_other, range(N_ITEMS)))])),
    ),
    "a table of vectors with row numbers under another name": _table(
        "item_id,row", lambda row: [_other(row), row]
    ),
    "a table of vectors with the ids twice": _table(
        "item_id,song", lambda row: [_other(row), _other(row)]
    ),
    "a table of vectors whose first column may be an index": _table(
        "row,song", lambda row: [row, _other(row)]
    ),
    "a table of vectors with a column such as `price`": _table(
        "item_id,price", lambda row: [_other(row), row // 4]
    ),
    "`.npz` with `item_ids` and `embeddings`": _vectors(
        "f.npz", lambda path: np.savez(path, item_ids=np.arange(N_ITEMS), embeddings=MATRIX)
    ),
    "a header in a file of attributes": _attributes("item_id\tgenre\n"),
    "attributes such as `Action\\|Comedy`": _attributes(""),
}
"""Writes the data of each row of the doc below a folder, and returns the keys to write."""
