"""The same tiny data in every form that docs/data.md lists."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from helpers import write_text, write_vectors

from mmrec.features.convert import convert

SPLITS = ("train", "val", "test")

_Row = tuple[int, int, int]
"""User, item and time."""


def write_every_form(folder: Path, name: str, n_users: int = 24, n_items: int = 20) -> None:
    """Write interactions with ratings of 1 and visual vectors, under all the names of the doc.

    Users and items are numbered from 0, as some forms have it; two groups of users take the items
    of their group.
    """
    rng = np.random.default_rng(3)
    splits: dict[str, list[_Row]] = {split: [] for split in SPLITS}
    for user in range(n_users):
        for place, item in enumerate(rng.permutation(range(user % 2, n_items, 2))[:7]):
            split = "test" if place == 0 else "val" if place == 1 else "train"
            splits[split].append((user, int(item), 1000 + place))
    folder.mkdir(parents=True)
    for split, rows in splits.items():
        _write_split(folder, name, split, rows)
    _write_labelled(folder / f"{name}.inter", splits)
    matrix = rng.normal(size=(n_items, 6)) + 3 * (np.arange(n_items)[:, None] % 2)
    _write_vectors(folder, name, matrix.astype(np.float32))


def _write_split(folder: Path, name: str, split: str, rows: list[_Row]) -> None:
    table = "".join(f"{user}\t{item}\t1\t{time}\n" for user, item, time in rows)
    pairs = "".join(f"{user}\t{item}\n" for user, item, _ in rows)
    commas = "".join(f'{time},"{item}",x,{user}\r\n' for user, item, time in rows)
    typed = "".join(f"{item}\t{user}\t1.0\n" for user, item, _ in reversed(rows))
    listed: dict[int, list[int]] = {user: [] for user, _, _ in rows}
    for user, item, _ in rows:
        listed[user].append(item)
    write_text(folder / f"{split}.tsv", table)
    write_text(folder / f"{split}.tsv.gz", gzip.compress(table.encode()))
    write_text(folder / f"{split}_pairs.txt", pairs)
    songs = "".join(f"{item},2014-07-23T00:{time % 60:02},{user},1\n" for user, item, time in rows)
    write_text(folder / f"{split}_songs.csv", f"song_id,date,customer_id,stars\n{songs}")
    write_text(folder / f"{split}.dat", table.replace("\t", "::"))
    write_text(folder / f"{split}_blanks.txt", table.replace("\t", "  "))
    write_text(folder / f"{split}.csv", f"\ufefftimestamp,itemID,note,user\r\n{commas}")
    exported = "".join(f'"{time}";"{user}";"{item}";"é";"1"\n' for user, item, time in rows)
    again = "".join(f"9;{user};{item};x;5\n" for user, item, _ in rows[:3])
    text = f"Zeit;user;item;Größe;rating\n{exported}{again}"
    write_text(folder / f"{split}_export.csv", text.encode("cp1252"))
    moments = [(user, item, 1_584_727_200_000_000_000 + time) for user, item, time in rows]
    latest = "".join(f"{user}\t{item}\t1\t{time}\n" for user, item, time in moments)
    latest += "".join(f"{user}\t{item}\t5\t{time - 1}\n" for user, item, time in moments[:3])
    write_text(folder / f"{split}_nanoseconds.tsv", latest)
    head = "item_id:token\tuser_id:token\trating:float\n"
    phase = "valid" if split == "val" else split
    write_text(folder / f"{name}.{phase}.inter", head + typed)
    (folder / "5-core").mkdir(exist_ok=True)
    write_text(folder / "5-core" / f"{split}.json", json.dumps(listed))


def _write_labelled(path: Path, splits: dict[str, list[_Row]]) -> None:
    labelled = [
        f"{user}\t{item}\t1.0\t{time}\t{label}\n"
        for label, split in enumerate(SPLITS)
        for user, item, time in splits[split]
    ]
    shuffled = np.random.default_rng(0).permutation(labelled).tolist()
    write_text(path, "userID\titemID\trating\ttimestamp\tx_label\n" + "".join(shuffled))


def _write_vectors(folder: Path, name: str, matrix: np.ndarray) -> None:
    vectors = {str(item): vector for item, vector in enumerate(matrix)}
    source = write_vectors(folder / "image_feat", vectors)
    np.save(folder / "image_feat.npy", matrix)
    ids = list(vectors)[::-1]
    np.save(folder / "image.npy", matrix[::-1])
    write_text(folder / "image.ids.txt", "".join(f"{item}\n" for item in ids))
    layer = folder / "visual_embeddings/torch/ResNet50/avgpool"
    layer.mkdir(parents=True)
    write_vectors(layer, {item: vector[None] for item, vector in vectors.items()})
    rows = [
        [*map(repr, vector), item] for item, vector in zip(ids, matrix[::-1].tolist(), strict=True)
    ]
    head = ",".join(f"f{n}" for n in range(matrix.shape[1]))
    lines = [f"{row},{','.join(fields)}\n" for row, fields in enumerate(rows)]
    write_text(folder / "image_indexed.csv", f",{head},item_id\n" + "".join(lines))
    write_text(folder / "image_named.csv", f"Unnamed: 0,{head},song\n" + "".join(lines))
    more = {"ids": np.array(ids), "features": matrix[::-1], "labels": np.arange(len(ids))}
    np.savez(folder / "image_more.npz", **more)
    table = pd.DataFrame(matrix[::-1]).rename(columns=str).assign(item_id=ids)
    table[table.columns].rename_axis("index").reset_index().to_parquet(
        folder / "image_index.parquet"
    )
    for target in _targets(name):
        convert(source, folder / target)


def _targets(name: str) -> Iterator[str]:
    yield from (f"image.{kind}" for kind in ("npz", "safetensors", "pt", "csv", "parquet"))
    yield f"{name}.itememb"
