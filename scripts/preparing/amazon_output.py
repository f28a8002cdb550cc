"""The files of a prepared Amazon category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data import Features
from mmrec.data.vocabulary import IntArray
from mmrec.features.convert import ConvertReport
from mmrec.features.source import block_rows
from preparing.amazon import WIDTH, Images, ItemTexts, Reviews
from preparing.encoders import Encoder
from preparing.extraction import extract, write_vectors
from preparing.hold_out import SPLITS, hold_out
from preparing.inputs import find_texts


def write_interactions(folder: Path, reviews: Reviews, seed: int) -> dict[str, int]:
    """Write the splits, all interactions and ``users.tsv``; return the numbers of rows."""
    users, user_of = _numbered(reviews.users)
    _, item_of = _numbered(reviews.items)
    order = np.lexsort((item_of[reviews.item], user_of[reviews.user]))
    columns = {
        "user": user_of[reviews.user],
        "item": item_of[reviews.item],
        "rating": reviews.rating,
        "time": reviews.time,
    }
    frame = pd.DataFrame(columns).iloc[order]
    split = hold_out(reviews.user, seed)[order]
    _write_table(folder / "interactions.tsv", frame)
    counts = {"users": len(users), "items": len(reviews.items), "interactions": len(frame)}
    for name, number in SPLITS.items():
        part = frame[split == number]
        _write_table(folder / f"{name}.txt", part.drop(columns="time"))
        counts[name] = len(part)
    _write_lines(folder / "users.tsv", (f"{n}\t{user}" for n, user in enumerate(users)))
    counts["repeated reviews"] = reviews.n_repeated
    return counts


def _numbered(ids: Sequence[str]) -> tuple[list[str], IntArray]:
    """Return the ids in ascending order, and the index there of each given id."""
    order = sorted(range(len(ids)), key=ids.__getitem__)
    numbers = np.empty(len(ids), np.int64)
    numbers[order] = np.arange(len(ids))
    return [ids[place] for place in order], numbers


def write_texts(folder: Path, asins: Sequence[str], texts: ItemTexts) -> dict[str, int]:
    """Write ``items.tsv`` and ``texts.tsv``, which omits items without text."""
    without = 0
    with (
        (folder / "items.tsv").open("w", encoding="utf-8", newline="\n") as items,
        (folder / "texts.tsv").open("w", encoding="utf-8", newline="\n") as lines,
    ):
        for number, (asin, (title, text)) in enumerate(zip(asins, texts.read(asins), strict=True)):
            items.write(f"{number}\t{asin}\t{title}\n")
            if text:
                lines.write(f"{number}\t{text}\n")
            without += not text
    return {"items without text": without}


def write_images(
    target: Path, images: Images, asins: Sequence[str], *, fill: bool
) -> ConvertReport:
    """Write the vectors of the items; with ``fill``, missing ones are the mean of the others."""
    numbers = {asin: str(number) for number, asin in enumerate(asins)}
    ids = [numbers[asin] for asin in images.asins]
    matrix = np.load(images.path, mmap_mode="r")
    missing = sorted(set(numbers.values()) - set(ids), key=int) if fill else []
    means = [_mean(matrix)[None]] * len(missing) if missing else []
    blocks = chain(_blocks(matrix), means)
    return write_vectors(target, [*ids, *missing], blocks, images.path.parent)


def _mean(matrix: Features) -> Features:
    """Return the mean of the rows [F], summed in their order."""
    total = np.zeros(matrix.shape[1])
    for row in matrix:
        total += row
    mean: Features = (total / len(matrix)).astype(np.float32)
    return mean


def _blocks(matrix: Features) -> Iterator[Features]:
    step = block_rows(WIDTH)
    for start in range(0, len(matrix), step):
        yield np.asarray(matrix[start : start + step])


def write_text_features(
    target: Path, encoder: Encoder, batch_size: int, scratch: Path
) -> ConvertReport:
    """Encode ``texts.tsv``, next to ``target``; ``scratch`` is for temporary files."""
    inputs = find_texts(target.parent / "texts.tsv")
    extraction = extract(inputs, encoder, batch_size, scratch / "batches")
    return write_vectors(target, extraction.ids, extraction.blocks(), scratch)


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, sep="\t", header=False, index=False, lineterminator="\n")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
