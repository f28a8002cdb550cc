"""Example users in the report: lists, titles and pictures."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from helpers import write_text
from stopping import stop_after
from tiny_experiment import experiment_writer, settings, write_tiny_labels

from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore

EVIL = '<script>alert(1)</script> & "it\'s"'
MODELS = {
    "MostPop": {"meta": {"save_recs": True}},
    "LightGCNM": settings(lr=[0.01, 0.02], meta={"save_recs": True}),
}
REPORT = {"users": 3, "titles": "../data/{0}/titles.tsv", "pictures": "../data/{0}/pictures"}


def run(path: Path, **options: Any) -> Results:
    return run_experiment(path, progress=False, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the same trials, the first with example users. The data are moved away."""
    folder = tmp_path_factory.mktemp("examples")
    write = experiment_writer(folder)
    write_tiny_labels(folder / "data" / "tiny")
    shown = run(write(MODELS, report=REPORT))
    plain = run(write(MODELS), fresh=True)
    (folder / "data").rename(folder / "gone")
    shown.folder.rename(folder / "with")
    plain.folder.rename(folder / "without")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "with" / "report.html").read_text()


def section(page: str) -> str:
    (found,) = re.findall(
        r'<section aria-labelledby="recommendations">.*?(?=<section aria-labelledby="protocol")',
        page,
        re.DOTALL,
    )
    return found


def words(html: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", html).split()))


def cards(html: str, user: str, row: str) -> list[str]:
    """The items of a list of a user."""
    (found,) = re.findall(rf"<h3[^>]*>User {user} .*?(?=<h3|$)", html, re.DOTALL)
    (listed,) = re.findall(rf"<h4[^>]*>{row}\b.*?</[ou]l>", found, re.DOTALL)
    return re.findall(r"<li.*?</li>", listed, re.DOTALL)


def split_of(folder: Path, split: str, user: str) -> set[str]:
    rows = tab_separated(folder / f"gone/tiny/{split}.txt")
    return {item for u, item, _ in rows if u == user}


def tab_separated(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def users_of(html: str) -> list[str]:
    return re.findall(r"<h3[^>]*>User (\S+) ", html)


def id_of(card: str) -> str:
    """The item id of a card: in small print, or as its name."""
    found = re.search(r"item </span>(\d+)<", card) or re.search(r'class="name"[^>]*>(\d+)<', card)
    assert found is not None
    return found[1]


# Contents


def test_lists_and_hits_are_of_the_run(folder: Path, page: str) -> None:
    html = section(page)
    users = users_of(html)
    assert len(users) == len(set(users)) == 3
    records = TrialStore(folder / "with" / "trials.jsonl").read()
    best = json.loads((folder / "with" / "manifest.json").read_text())["models"]
    for model in MODELS:
        (record,) = [r for r in records if r.trial_id == best[model]["best_trial"]]
        (lists,) = (folder / "results/tiny/recs").glob(f"{record.name}_it=*.tsv")
        rows = tab_separated(lists)
        n_hits = 0
        for user in users:
            shown = cards(html, user, model)
            assert [id_of(card) for card in shown] == [item for u, item, _ in rows if u == user]
            scores = [float(score) for u, _, score in rows if u == user]
            assert record.example_lists[user] == [
                [id_of(c), s] for c, s in zip(shown, scores, strict=True)
            ]
            for card in shown:
                in_test = id_of(card) in split_of(folder, "test", user)
                in_validation = id_of(card) in split_of(folder, "val", user)
                assert ("\N{CHECK MARK} test" in words(card)) == in_test
                assert ("\N{CHECK MARK} validation" in words(card)) == in_validation
                assert ('<li class="hit">' in card) == (in_test or in_validation)
                n_hits += in_test
        assert n_hits or model == "MostPop"


def test_training_and_held_out_items_of_the_user(folder: Path, page: str) -> None:
    html = section(page)
    for user in users_of(html):
        train = [id_of(card) for card in cards(html, user, "Training items")]
        assert set(train) == split_of(folder, "train", user)
        held_out = {id_of(c): words(c).split()[-1] for c in cards(html, user, "Held-out items")}
        assert "test" in words(cards(html, user, "Held-out items")[0])
        assert set(held_out) == split_of(folder, "test", user) | split_of(folder, "val", user)


def test_titles_are_escaped_and_shortened(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;it&#39;s&#34;" in page
    assert max(map(len, re.findall(r"(?:endless )+", page))) <= 160
    assert "of no item" not in page


def test_each_picture_is_in_the_page_once(page: str) -> None:
    html = section(page)
    places = re.findall(r'<symbol id="(picture-\d+)"', html)
    assert len(places) == len(set(places)) == len(set(re.findall(r'href="(data:[^"]*)"', html)))
    used = re.findall(r'<svg[^>]*aria-label="([^"]+)"><use href="#([^"]+)"', html)
    assert {place for _, place in used} == set(places)
    assert len(used) > len(places)
    for name, place in used:
        assert {place} == {p for n, p in used if n == name}


def test_a_broken_picture_is_a_warning(folder: Path, page: str) -> None:
    (note,) = json.loads((folder / "with/manifest.json").read_text())["notes"]
    assert "20.jpeg: UnidentifiedImageError" in note
    assert words(note) in words(page)
    assert note in (folder / "with/run.log").read_text()
    broken = [c for c in re.findall(r"<li.*?</li>", section(page), re.DOTALL) if "Thing 20<" in c]
    assert broken
    assert all("no picture" in card for card in broken)


def test_example_users_change_no_trial(folder: Path) -> None:
    page = (folder / "without" / "report.html").read_text()
    assert "Recommendations" not in page
    assert not (folder / "without" / "examples.json").exists()
    one, other = (TrialStore(folder / name / "trials.jsonl").read() for name in ("with", "without"))
    assert all(record.example_lists == {} for record in other)
    for part in ("name", "lists_sha256", "weights_sha256", "history"):
        assert [getattr(r, part) for r in one] == [getattr(r, part) for r in other]


# Rebuilding


def test_it_is_rebuilt_without_data_and_pictures(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder / "with", tmp_path / "run_2026"))
    (copy / "report.html").unlink()
    assert rebuild_report(copy).report.read_bytes() == (folder / "with/report.html").read_bytes()


@pytest.mark.parametrize("damage", ["", "{"])
def test_a_damaged_record_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    copy = Path(shutil.copytree(folder / "with", tmp_path / "run_2026"))
    (copy / "examples.json").write_text(damage)
    (copy / "report.html").write_text("old")
    (copy / "best.tsv").write_text("old")
    with pytest.raises(DataError, match=r"examples\.json"):
        rebuild_report(copy)
    assert (copy / "report.html").read_text() == (copy / "best.tsv").read_text() == "old"


def example_files(results: Results) -> tuple[str, list[dict[str, Any]]]:
    records = TrialStore(results.folder / "trials.jsonl").read()
    lists = [r.example_lists for r in sorted(records, key=lambda record: record.trial_id)]
    return (results.folder / "examples.json").read_text(), lists


def interrupted(path: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    with monkeypatch.context() as patched:
        stop_after(patched, steps)
        with pytest.raises(KeyboardInterrupt):
            run(path)


def test_a_resumed_run_has_the_same_examples(experiment_file, tmp_path, monkeypatch):
    write_tiny_labels(tmp_path / "data" / "tiny")
    path = experiment_file(MODELS, report=REPORT)
    expected = example_files(run(path))
    interrupted(path, monkeypatch, 20)
    assert example_files(run(path)) == expected


def test_users_added_after_a_trial_ended(experiment_file, monkeypatch):
    interrupted(experiment_file(MODELS, report={"users": ["1", "2"]}), monkeypatch, 30)
    results = run(experiment_file(MODELS, report={"users": ["2", "7"]}))
    html = section(results.report.read_text())
    assert users_of(html) == ["2", "7"]
    (found,) = re.findall(r"<h3[^>]*>User 7 .*", html, re.DOTALL)
    assert len(cards(html, "2", "MostPop")) == 5
    assert re.search(r"MostPop_\w+ .*mmrec run --fresh", words(found))
    assert results.report.read_bytes() == rebuild_report(results.folder).report.read_bytes()


@pytest.mark.slow
def test_workers_give_the_same_examples(experiment_file, tmp_path):
    write_tiny_labels(tmp_path / "data" / "tiny")
    path = experiment_file(MODELS, report=REPORT)
    assert example_files(run(path, workers=2)) == example_files(run(path, fresh=True))


def test_items_without_titles_and_items_not_in_the_data(experiment_file, tmp_path):
    lists = "".join(f"{user}\t{item}\t{9 - n}.5\n" for user in range(24) for n, item in
                    enumerate(("190", "nowhere", "0")))  # fmt: skip
    (tmp_path / "lists").mkdir()
    write_text(tmp_path / "lists" / "Mine.tsv", lists)
    models = {"MostPop": {}, "RecommendationFolder": {"folder": "../lists"}}
    html = section(
        run(experiment_file(models, report={"users": [3], "items": 2})).report.read_text()
    )
    assert "<symbol" not in html
    assert "no picture" not in html
    assert len(cards(html, "3", "MostPop")) == 2
    first, second = cards(html, "3", "Mine")
    assert words(first).startswith("190 score 9.5")
    assert words(second) == "not in the data score 8.5000"


def test_the_first_of_several_folds_is_shown(experiment_file, tmp_path):
    rows = "".join(f"{u}\t{i}\t1\n" for u in range(9) for i in range(u % 3, 12, 2))
    write_text(tmp_path / "data" / "tiny" / "all.txt", rows)
    results = run(
        experiment_file(
            data_config={"strategy": "dataset", "dataset_path": "../data/tiny/all.txt"},
            splitting={"test_splitting": {"strategy": "random_cross_validation", "folds": 2}},
            report={"users": 2},
        )
    )
    first, second = TrialStore(results.folder / "trials.jsonl").read()
    html = section(results.report.read_text())
    assert list(first.example_lists) == users_of(html)
    assert second.example_lists == {}
    assert "validation" not in html
