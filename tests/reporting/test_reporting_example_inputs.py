"""The choice of example users, their titles and pictures, and errors in them."""

from __future__ import annotations

import base64
import io
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, interactions, refusal, write_text
from PIL import Image
from tiny_experiment import write_tiny_labels

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.data import Dataset, Vocabulary, find_pictures, read_titles
from mmrec.data.demo_items import write_labels as write_demo_labels
from mmrec.errors import ConfigError
from mmrec.experiment import run_experiment
from mmrec.reporting.examples.thumbnails import EDGE, thumbnail
from mmrec.runs.example_users import example_users

REPORT = {"users": 3, "titles": "../data/{0}/titles.tsv", "pictures": "../data/{0}/pictures"}


# Users


def dataset(degrees: list[int], cold: int) -> Dataset:
    """Users of these many training items; the users from ``cold`` on have no test item."""
    train = interactions([[int(n < d) for n in range(9)] for d in degrees])
    test = interactions([[0] * 8 + [int(u < cold)] for u in range(len(degrees))])
    users, items = (Vocabulary(map(str, range(n))) for n in (len(degrees), 9))
    return Dataset("d", users, items, train, None, test)


def asked(users: object) -> Any:
    experiment = {
        "dataset": "d",
        "data_config": {"strategy": "fixed", "train_path": "a", "test_path": "b"},
        "top_k": 5,
        "evaluation": {"simple_metrics": "recall"},
        "models": {"MostPop": {}},
        "report": {"users": users},
    }
    return read_experiment({"experiment": experiment}).experiment


@pytest.mark.parametrize(
    ("users", "expected"),
    [(1, [2]), (2, [4, 0]), (3, [1, 2, 3]), (5, [1, 4, 2, 0, 3]), (50, [1, 4, 2, 0, 3])],
)
def test_users_are_spread_by_their_training_items(users: int, expected: list[int]) -> None:
    data = dataset([5, 1, 3, 8, 2, 7, 7], cold=5)
    assert example_users(asked(users), data) == expected


def test_equally_active_users_are_ordered_by_number() -> None:
    assert example_users(asked(2), dataset([1, 2] * 60, cold=120)) == [60, 61]


def test_listed_users_keep_their_order() -> None:
    assert example_users(asked(["6", 0]), dataset([5, 1, 3, 8, 2, 7, 7], cold=5)) == [6, 0]


# Errors before training


def break_titles(data: Path) -> None:
    write_text(data / "titles.tsv", "0\tone\n10 two\n")


def other_items(data: Path) -> None:
    write_text(data / "titles.tsv", "B01\tone\nB02\ttwo\n")


def no_pictures(data: Path) -> None:
    shutil.rmtree(data / "pictures")
    (data / "pictures").mkdir()


def list_pictures(data: Path) -> None:
    write_text(data / "pictures.tsv", "0\tpictures/0.png\n10\tpictures/0.pgn\n20\tgone/x.png\n")


@pytest.mark.parametrize(
    ("damage", "report", "key", "facts"),
    [
        (None, {"titles": "../data/{0}/title.tsv"}, "titles", ["title.tsv", "'titles.tsv'"]),
        (None, {"titles": "../data/{0}"}, "titles", ["/data/tiny", "not a file"]),
        (break_titles, {}, "titles", ["titles.tsv:2: ", "id<TAB>title", "'10 two'"]),
        (other_items, {}, "titles", ["2 items", "B01, B02"]),
        (None, {"pictures": "../data/tiny/picture"}, "pictures", ["'pictures'"]),
        (no_pictures, {}, "pictures", ["/data/tiny/pictures", "<item id>", ".png"]),
        (
            list_pictures,
            {"pictures": "../data/tiny/pictures.tsv"},
            "pictures",
            ["pictures.tsv:2: ", "0.pgn", "'0.png'", "1 more"],
        ),
        (None, {"users": [3, "7b"]}, "users[1]", ["'7b'", "7"]),
    ],
)
def test_errors_are_found_before_training(
    experiment_file, tmp_path, damage: Callable[[Path], None] | None, report, key, facts
) -> None:
    write_tiny_labels(tmp_path / "data" / "tiny")
    if damage is not None:
        damage(tmp_path / "data" / "tiny")
    path = experiment_file(report=REPORT | report)
    message = refusal(ConfigError, lambda: run_experiment(path, progress=False))
    assert re.match(r".*tiny\.yml:\d+: experiment\.report\.", message)
    assert_contains(message, [f"report.{key}: ", *facts])
    assert not (tmp_path / "results").exists()


def test_all_errors_are_reported_at_once(experiment_file, capsys) -> None:
    report = {"titles": "none.tsv", "pictures": "none"}
    path = experiment_file({"MostPopp": {}}, report=report)
    assert main(["validate", str(path)]) == 2
    message = capsys.readouterr().err
    assert all(key in message for key in ("report.titles", "report.pictures", "MostPopp"))


def test_pictures_without_pillow(experiment_file, tmp_path, monkeypatch) -> None:
    write_tiny_labels(tmp_path / "data" / "tiny")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ConfigError, match=r"report.pictures: .*pip install .*'\.\[report\]'"):
        run_experiment(experiment_file(report=REPORT), progress=False)


# Pictures


def test_thumbnails_are_small_upright_and_on_white(tmp_path: Path) -> None:
    def decoded(image: Image.Image, name: str, **options: Any) -> Image.Image:
        image.save(tmp_path / name, **options)
        made = thumbnail(tmp_path / name)
        assert thumbnail(tmp_path / name) == made
        kind, _, data = made["data"].partition(",")
        assert kind == "data:image/jpeg;base64"
        small = Image.open(io.BytesIO(base64.b64decode(data)))
        assert small.size == (made["width"], made["height"])
        assert max(small.size) <= EDGE
        return small

    clear = decoded(Image.new("RGBA", (400, 200), (0, 0, 0, 0)), "clear.png")
    assert clear.size == (EDGE, EDGE // 2)
    assert clear.getpixel((9, 9)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned
    assert decoded(Image.new("RGB", (60, 30)), "turned.jpg", exif=exif).size == (30, 60)
    red = decoded(Image.new("CMYK", (2000, 1000), (0, 255, 255, 0)), "print.jpg")
    assert np.subtract(red.getpixel((9, 9)), (254, 0, 0)) == pytest.approx(0, abs=9)
    palette = Image.new("P", (5, 5))
    assert decoded(palette, "palette.png", transparency=b"\0").getpixel((1, 1)) == (255,) * 3


def test_of_several_pictures_the_first_form_counts(tmp_path: Path) -> None:
    for name in ("7.webp", "7.PNG", "7.jpg", "8.b.jpeg", "notes.txt"):
        (tmp_path / name).touch()
    found = find_pictures(tmp_path)
    assert {item: path.name for item, path in found.items()} == {"7": "7.PNG", "8.b": "8.b.jpeg"}


def test_the_demonstration_has_titles_and_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tastes = np.concatenate([rng.normal(size=(40, 8)), np.eye(8) + np.eye(8, k=1) / 2])
    ids = [str(number) for number in range(48)]
    write_demo_labels(tmp_path, tastes, ids)
    pictures, titles = (
        find_pictures(tmp_path / "pictures.tsv"),
        read_titles(tmp_path / "titles.tsv"),
    )
    assert list(pictures) == list(titles) == ids
    kinds = {titles[item_id].split()[-1] for item_id in ids[40:]}
    assert len(kinds) == 8
    for item_id, taste in zip(ids, tastes, strict=True):
        alike = titles[ids[40 + int(taste.argmax())]]
        assert titles[item_id].split()[-1] == alike.split()[-1]
        # One title is one picture.
        assert {pictures[i] for i in ids if titles[i] == titles[item_id]} == {pictures[item_id]}
        assert thumbnail(pictures[item_id])["width"] == 96
