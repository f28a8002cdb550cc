"""Preparing an Amazon category: what the files become, and what becomes of bad ones."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from amazon_files import WIDTH, Category, StubEncoder, asin, vector, write_gz, write_images
from helpers import assert_contains
from hypothesis import given
from hypothesis import strategies as st

import prepare_amazon
from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.features.formats import open_source
from prepare_amazon import Choices, Sources
from preparing.amazon import read_images
from preparing.hold_out import SPLITS, hold_out


def prepare(
    sources: Sources, target: Path, encoder: StubEncoder | None = None, **choices: Any
) -> Path:
    encoder = encoder or StubEncoder()
    prepare_amazon.prepare_amazon(sources, target, lambda: encoder, Choices(**choices))
    return target


def refused(sources: Sources, target: Path, **choices: Any) -> str:
    """The message of a refusal that leaves nothing behind."""
    before = sorted(target.parent.rglob("*"))
    with pytest.raises(DataError) as caught:
        prepare(sources, target, **choices)
    assert sorted(target.parent.rglob("*")) == before
    return str(caught.value)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def facts_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))


def lattice(pairs: list[tuple[str, str]], seed: int) -> dict[tuple[str, str], str]:
    """The authors' procedure over public ids, on NumPy's global generator as they use it."""
    bought = defaultdict(list)
    for user, item in pairs:
        bought[user].append(item)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    split = {}
    for user, items in bought.items():
        n_held = 2 if len(items) < 10 else int(len(items) * 0.2)
        held = np.random.choice(len(items), n_held, replace=False).tolist()  # noqa: NPY002
        for place, item in enumerate(items):
            position = held.index(place) if place in held else None
            name = "train" if position is None else "test" if position < n_held // 2 else "val"
            split[user, item] = name
    np.random.set_state(state)  # noqa: NPY002
    return split


@pytest.mark.parametrize("seed", [123, 7])
def test_the_split_is_that_of_lattice(seed: int, tmp_path: Path) -> None:
    category = Category.of(n_users=40, n_items=60)
    category.reviews = [r for r in category.reviews if r["reviewerID"] != "A000"]
    for item in range(0, 60, 2):  # a user with 30 items
        category.reviews.append(category.reviews[0] | {"reviewerID": "Z", "asin": asin(item)})
    folder = prepare(category.write(tmp_path / "raw"), tmp_path / "x", seed=seed)
    users = [user for _, user in table(folder / "users.tsv")]
    items = [item for _, item, _ in table(folder / "items.tsv")]
    assert users == sorted(users)
    assert items == sorted(items)
    found = {
        (users[int(user)], items[int(item)]): name
        for name in SPLITS
        for user, item, _ in table(folder / f"{name}.txt")
    }
    assert found == lattice(category.pairs, seed)
    assert facts_of(folder)["counts"]["train"] == sum(name == "train" for name in found.values())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_sizes_of_the_split(counts: list[int], seed: int) -> None:
    users = np.repeat(np.arange(len(counts)), counts)
    split = hold_out(users, seed)
    for user, count in enumerate(counts):
        sizes = np.bincount(split[users == user], minlength=3).tolist()
        held = 0 if count < 3 else 2 if count < 10 else int(count * 0.2)
        assert sizes == [count - held, held - held // 2, held // 2]
    np.testing.assert_array_equal(hold_out(users, seed), split)


def test_what_is_written(tmp_path: Path) -> None:
    category = Category.of()
    sources, encoder = category.write(tmp_path / "raw"), StubEncoder()
    folder = prepare(sources, tmp_path / "new" / "x", encoder, batch_size=3)
    files = {"train.txt", "val.txt", "test.txt", "users.tsv", "items.tsv", "texts.tsv"}
    files |= {"interactions.tsv", "provenance.json", "image_feat", "text_feat"}
    assert {path.name for path in folder.iterdir()} == files

    text = "Pen 4's title Office Pens 0 Blue \u00e9 Bic Writes well"
    assert table(folder / "items.tsv")[4] == ["4", asin(4), "Pen 4's title"]
    assert table(folder / "texts.tsv")[4] == ["4", text]
    assert [len(batch) for batch in encoder.batches] == [3, 3, 3, 3, 3, 3, 2]
    assert encoder.batches[1][1] == text
    np.testing.assert_array_equal(
        np.load(folder / "text_feat" / "4.npy"), [text.count(letter) for letter in "aeiou"]
    )
    image = np.load(folder / "image_feat" / "4.npy")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, vector(4))
    assert len(list((folder / "image_feat").iterdir())) == 20

    every = table(folder / "interactions.tsv")
    assert every == sorted(every, key=lambda row: (int(row[0]), int(row[1])))
    users = [user for _, user in table(folder / "users.tsv")]
    assert {(users[int(u)], asin(int(i)), float(r), int(t)) for u, i, r, t in every} == {
        (r["reviewerID"], r["asin"], r["overall"], r["unixReviewTime"]) for r in category.reviews
    }
    parts = [row for name in SPLITS for row in table(folder / f"{name}.txt")]
    assert sorted(parts) == sorted(row[:3] for row in every)

    provenance = facts_of(folder)
    for path in (sources.reviews, sources.metadata, sources.images):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert provenance["inputs"][path.name] == digest
    for name, digest in provenance["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert provenance["encoder"] == {"text_model": "letters"}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    category = Category.of()
    sources = category.write(tmp_path / "raw")
    first = tree(prepare(sources, tmp_path / "a", batch_size=4))
    assert tree(prepare(sources, tmp_path / "elsewhere" / "b", batch_size=4)) == first
    # The order of the other files does not matter but for what they are.
    category.products.reverse()
    category.images.reverse()
    other = tree(prepare(category.write(tmp_path / "raw2"), tmp_path / "c", batch_size=4))
    assert first.pop("provenance.json") != other.pop("provenance.json")
    assert other == first


@pytest.mark.slow
def test_an_experiment_runs_on_it(tmp_path: Path) -> None:
    category = Category.of()
    category.products.remove(category.product(5))
    folder = prepare(
        category.write(tmp_path / "raw"), tmp_path / "data" / "x", features="safetensors"
    )
    image, text = (str(folder / f"{name}_feat.safetensors") for name in ("image", "text"))
    data = {
        "strategy": "fixed",
        "train_path": str(folder / "train.txt"),
        "validation_path": str(folder / "val.txt"),
        "test_path": str(folder / "test.txt"),
        "side_information": [
            {"dataloader": "VisualAttribute", "visual_features": image},
            {"dataloader": "TextualAttribute", "textual_features": text, "missing": "zeros"},
        ],
    }
    model = {"epochs": 1, "batch_size": 16, "factors": 4, "top_k": 3, "factors_multimod": 4}
    experiment = {
        "dataset": "x",
        "data_config": data,
        "top_k": 5,
        "evaluation": {"simple_metrics": ["Recall"]},
        "models": {"LATTICE": model},
    }
    config = tmp_path / "config_files" / "x.yml"
    config.parent.mkdir()
    config.write_text(yaml.safe_dump({"experiment": experiment}))
    results = run_experiment(config, progress=False)
    assert results.n_failed == 0
    assert results.best["Recall@5"].between(0, 1).all()


def test_repeated_reviews_count_once(tmp_path: Path) -> None:
    category = Category.of()
    category.reviews.append(category.reviews[0] | {"overall": 2.5, "unixReviewTime": 7})
    folder = prepare(category.write(tmp_path / "raw"), tmp_path / "x")
    counts = facts_of(folder)["counts"]
    assert counts["repeated reviews"] == 1
    assert counts["interactions"] == len(category.reviews) - 1
    assert [row[2:] for row in table(folder / "interactions.tsv") if row[3] == "7"] == [
        ["2.5", "7"]
    ]


def test_items_without_image_get_the_mean_or_none(tmp_path: Path) -> None:
    category = Category.of()
    missing = {asin(2), asin(11)}
    category.images = [image for image in category.images if image[0] not in missing]
    bad = vector(3)
    bad[17] = np.inf
    category.images = [(name, bad if name == asin(3) else v) for name, v in category.images]
    sources = category.write(tmp_path / "raw")
    others = [vector(item) for item in range(20) if item not in (2, 3, 11)]
    folder = prepare(sources, tmp_path / "mean")
    for item in (2, 3, 11):
        np.testing.assert_allclose(
            np.load(folder / "image_feat" / f"{item}.npy"), np.mean(others, axis=0), rtol=1e-6
        )
    np.testing.assert_array_equal(np.load(folder / "image_feat" / "12.npy"), vector(12))
    counts = facts_of(folder)["counts"]
    assert (counts["items without image"], counts["images with NaN or infinity"]) == (3, 1)

    folder = prepare(sources, tmp_path / "leave", fill_images=False, features="npy")
    source = open_source(folder / "image_feat.npy")
    assert set(source.ids) == {str(item) for item in range(20)} - {"2", "3", "11"}
    np.testing.assert_array_equal(source.read(["4", "19"]), [vector(4), vector(19)])


def test_the_last_of_repeated_products_and_images_counts(tmp_path: Path) -> None:
    category = Category.of()
    category.products.append({"asin": asin(4), "title": "Newer"})
    category.images.append((asin(4), vector(99)))
    folder = prepare(category.write(tmp_path / "raw"), tmp_path / "x")
    assert table(folder / "items.tsv")[4][2] == "Newer"
    np.testing.assert_array_equal(np.load(folder / "image_feat" / "4.npy"), vector(99))


def test_items_without_metadata_or_text_have_no_text_vector(tmp_path: Path) -> None:
    category = Category.of()
    category.products.remove(category.product(6))
    product = category.product(7)
    product.clear()
    product |= {"asin": asin(7), "title": "\n", "categories": [[]], "description": None}
    folder = prepare(category.write(tmp_path / "raw"), tmp_path / "x")
    assert not {"6.npy", "7.npy"} & {path.name for path in (folder / "text_feat").iterdir()}
    assert facts_of(folder)["counts"]["items without text"] == 2
    assert table(folder / "items.tsv")[6] == ["6", asin(6), ""]


def test_half_a_surrogate_pair_in_a_title(tmp_path: Path) -> None:
    category = Category.of()
    category.product(6)["title"] = "Pen \ud83d"
    folder = prepare(category.write(tmp_path / "raw"), tmp_path / "x")
    assert table(folder / "items.tsv")[6] == ["6", asin(6), "Pen ?"]


GOOD = {"reviewerID": "A1", "asin": asin(1), "overall": 5.0, "unixReviewTime": 1}


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("{'asin': ", ["JSON", "\"{'asin': \""]),
        ("[1, 2]", ["object", "'[1, 2]'"]),
        ("__import__('os').abort()", ["JSON"]),
        ("(" * 5000, ["JSON"]),
        (json.dumps(GOOD | {"overall": None}), ["number", "'overall'", "None"]),
        (json.dumps(GOOD | {"overall": float("nan")}), ["number", "'overall'", "nan"]),
        (json.dumps(GOOD | {"overall": 10**400}), ["too large"]),
        (json.dumps(GOOD | {"unixReviewTime": "1"}), ["whole number"]),
        (json.dumps(GOOD | {"asin": "A B"}), ["'asin'", "'A B'"]),
        (json.dumps(GOOD | {"reviewerID": ""}), ["'reviewerID'", "''"]),
    ],
)
def test_broken_lines_of_reviews(line: str, facts: list[str], tmp_path: Path) -> None:
    category = Category.of()
    sources = category.write(tmp_path / "raw")
    lines = list(map(json.dumps, category.reviews))
    write_gz(sources.reviews, [*lines[:2], "", line, *lines[2:]])
    message = refused(sources, tmp_path / "x")
    assert_contains(message, [f"{sources.reviews}:4:", *facts, "--skip-broken-lines"])
    counts = facts_of(prepare(sources, tmp_path / "x", skip_broken=True))["counts"]
    assert counts["broken lines"] == 1
    assert counts["interactions"] == len(lines)


def test_many_broken_lines_are_summed_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    category = Category.of()
    sources = category.write(tmp_path / "raw")
    write_gz(sources.metadata, ["{"] * 9 + list(map(repr, category.products)))
    assert refused(sources, tmp_path / "x").startswith(f"{sources.metadata}:1: ")
    prepare(sources, tmp_path / "x", skip_broken=True)
    messages = [record.getMessage() for record in caplog.records]
    assert f"{sources.metadata}:3: neither JSON nor a Python literal: '{{'" in messages
    assert f"{sources.metadata}: and 6 more broken lines" in messages


@pytest.mark.parametrize("name", ["reviews", "metadata"])
def test_files_that_are_cut_off(name: str, tmp_path: Path) -> None:
    sources = Category.of().write(tmp_path / "raw")
    path: Path = getattr(sources, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    message = refused(sources, tmp_path / "x", skip_broken=True)
    assert_contains(message, [f"{path}:", "line"])
    path.write_bytes(whole[:40] + b"\0\0\0\0" + whole[44:])
    assert f"{path}: damaged or truncated" in refused(sources, tmp_path / "x", skip_broken=True)
    path.write_bytes(b"<html>not found</html>")
    assert f"{path}: damaged or truncated" in refused(sources, tmp_path / "x", skip_broken=True)
    path.unlink()
    assert_contains(refused(sources, tmp_path / "x"), [f"{path}:", "file"])


def test_uncompressed_files(tmp_path: Path) -> None:
    sources = Category.of().write(tmp_path / "raw")
    plain = tmp_path / "raw" / "reviews.json"
    plain.write_bytes(gzip.decompress(sources.reviews.read_bytes()))
    first = tree(prepare(sources, tmp_path / "a"))
    second = tree(prepare(Sources(plain, sources.metadata, sources.images), tmp_path / "b"))
    assert first["train.txt"] == second["train.txt"]


def test_damaged_image_files(tmp_path: Path) -> None:
    category = Category.of()
    sources = category.write(tmp_path / "raw")
    whole = sources.images.read_bytes()
    sources.images.write_bytes(whole[:-5])
    assert_contains(
        refused(sources, tmp_path / "x"),
        [f"{sources.images}:", f"{len(whole) - 5}", "22", "download"],
    )
    sources.images.write_bytes(whole[:16394] + b"\x01" + whole[16395:])
    assert_contains(refused(sources, tmp_path / "x"), [f"{sources.images}:", "ASIN"])
    sources.images.write_bytes(b"")
    assert_contains(refused(sources, tmp_path / "x"), ["20 reviewed items"])


def test_files_of_another_category(tmp_path: Path) -> None:
    category, other = Category.of(), Category.of()
    for product in other.products:
        product["asin"] = f"X{product['asin'][1:]}"
    sources, others = category.write(tmp_path / "raw"), other.write(tmp_path / "other")
    mixed = Sources(sources.reviews, others.metadata, sources.images)
    assert_contains(refused(mixed, tmp_path / "x"), [others.metadata, "20 reviewed items"])
    write_gz(sources.reviews, [])
    assert_contains(refused(sources, tmp_path / "x"), [sources.reviews, "none"])


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    sources = Category.of().write(tmp_path / "raw")
    (tmp_path / "x").mkdir()
    message = refused(sources, tmp_path / "x")
    assert_contains(message, [f"{tmp_path / 'x'}:", "exists", "name"])


def test_a_model_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Failing(StubEncoder):
        def encode(self, inputs: Any) -> np.ndarray:
            raise KeyboardInterrupt

    sources = Category.of().write(tmp_path / "raw")
    with pytest.raises(KeyboardInterrupt):
        prepare(sources, tmp_path / "x", Failing())
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_images_go_through_in_little_memory(tmp_path: Path) -> None:
    n_images = 2500  # 41 MB
    block = np.zeros(WIDTH, "<f4")
    path = write_images(tmp_path / "i.b", [(asin(item), block) for item in range(n_images)])
    wanted = [asin(item) for item in range(0, n_images, 100)]
    tracemalloc.start()
    images = read_images(path, wanted, tmp_path / "images.npy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (images.n_records, len(images.asins)) == (n_images, 25)
    assert peak < 15e6
    assert np.load(images.path).shape == (25, WIDTH)


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = []

    def make(model: str, device: str) -> StubEncoder:
        made.append((model, device))
        return StubEncoder()

    monkeypatch.setattr(prepare_amazon, "SentenceEncoder", make)
    sources = Category.of().write(tmp_path / "raw")
    arguments = ["--reviews", str(sources.reviews), "--metadata", str(sources.metadata)]
    arguments += ["--images", str(sources.images), "--output", str(tmp_path / "x")]
    arguments += ["--text-model", "some/model", "--missing-images", "leave", "--features", "tsv"]
    assert prepare_amazon.main(arguments) == 0
    assert made == [("some/model", "cpu")]
    out = capsys.readouterr().out
    assert "20 vectors of 4096 numbers" in out
    frame = pd.read_csv(tmp_path / "x" / "image_feat.tsv", sep="\t")
    assert frame.shape == (20, WIDTH + 1)
    assert prepare_amazon.main(arguments) == 2
    assert "already exists" in capsys.readouterr().err
