"""``mmrec evaluate --config``: lists are evaluated as a run evaluates its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from helpers import assert_contains
from tiny_experiment import SPLITS_AND_FEATURES, Write

from mmrec.cli import main
from mmrec.experiment import run_experiment

FEATURES = {"side_information": SPLITS_AND_FEATURES["side_information"]}
MODELS: dict[str, Any] = {
    name: {"meta": {"save_recs": True}} | settings
    for name, settings in {
        "MostPop": {},
        "Random": {"seed": 3},
        "ItemKNN": {"neighbors": 5},
    }.items()
}
EVALUATION = {
    "simple_metrics": ["Recall", "nDCG", "MAP", "ItemCoverage", "ARP"],
    "cutoffs": [2, 5],
    "relevance_threshold": 2,
}
SPLITS = ("train", "val", "test")


def rated(folder: Path) -> dict[str, list[list[str]]]:
    """The rows of each split, with ratings from 1 to 4 and times."""
    return {
        split: [
            [*row.split("\t")[:2], f"{1 + n % 4}", f"{1000 + n}"]
            for n, row in enumerate((folder / f"{split}.txt").read_text().splitlines())
        ]
        for split in SPLITS
    }


def fixed(folder: Path) -> dict[str, Any]:
    """Three files with their own names of columns, separator and encoding, and duplicate rows."""
    for split, rows in rated(folder).items():
        first = rows[0]
        rows += [[*first[:2], "4", "1"], [*first[:2], "3", "9"]]  # the first of these counts
        lines = ["wann;Stück;Note;wer", *(f"{t};{i};{r};{u}ß" for u, i, r, t in rows)]
        (folder / f"{split}.dat").write_bytes("\n".join(lines).encode("latin-1"))
    names = {"train": "train_path", "val": "validation_path", "test": "test_path"}
    return {
        **{key: f"../data/{{0}}/{split}.dat" for split, key in names.items()},
        "strategy": "fixed",
        "columns": {"user": "wer", "item": "Stück", "rating": "Note", "timestamp": "wann"},
        "separator": ";",
        "encoding": "latin-1",
        "duplicates": "first",
    }


def labelled(folder: Path) -> dict[str, Any]:
    lines = ["userID\titemID\trating\tx_label"]
    for label, rows in enumerate(rated(folder).values()):
        lines += [f"{user}\t{item}\t{rating}\t{label}" for user, item, rating, _ in rows]
    (folder / "tiny.inter.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return {"strategy": "fixed", "dataset_path": "../data/{0}/tiny.inter.gz"}


def json_lists(folder: Path) -> dict[str, Any]:
    for split, rows in rated(folder).items():
        lists: dict[str, list[str]] = {}
        for user, item, *_ in rows:
            lists.setdefault(user, []).append(item)
        (folder / f"{split}.json").write_text(json.dumps(lists))
    paths = {"train_path": "train", "validation_path": "val", "test_path": "test"}
    return {"strategy": "fixed"} | {k: f"../data/{{0}}/{x}.json" for k, x in paths.items()}


def to_split(folder: Path) -> dict[str, Any]:
    rows = [row for part in rated(folder).values() for row in part]
    text = "".join("::".join(row) + "\n" for row in rows)
    (folder / "all.dat").write_text(text)
    return {"strategy": "dataset", "dataset_path": "../data/{0}/all.dat", "separator": "::"}


FOLDS = {
    "test_splitting": {"strategy": "random_cross_validation", "folds": 2},
    "validation_splitting": {"strategy": "temporal_hold_out", "leave_n_out": 1},
}
FILTERED = {"splitting": FOLDS, "prefiltering": {"strategy": "iterative_k_core", "core": 3}}
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "columns, separator, encoding, duplicates": (fixed, {}),
    "binarized": (fixed, {"binarize": True, "evaluation": EVALUATION | {"relevance_threshold": 1}}),
    "x_label": (labelled, {}),
    "lists in JSON": (json_lists, {"evaluation": EVALUATION | {"relevance_threshold": 1}}),
    "filtered and split into folds": (to_split, FILTERED),
}


@pytest.mark.parametrize("dropped", [False, True], ids=["all items", "items without a vector"])
@pytest.mark.parametrize(("write_data", "changes"), CASES.values(), ids=CASES.keys())
def test_saved_lists_have_the_figures_of_the_run(
    write_data: Any,
    changes: dict[str, Any],
    dropped: bool,
    experiment_file: Write,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data" / "tiny"
    data = write_data(folder) | (FEATURES if dropped else {})
    if dropped:
        for item in (0, 30, 110):
            (folder / "image_feat" / f"{item}.npy").unlink()
    path = experiment_file(MODELS, data_config=data, **({"evaluation": EVALUATION} | changes))
    run = run_experiment(path, progress=False).folder
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    assert len(trials) == (6 if changes is FILTERED else 3)
    lists = tmp_path / "results" / "tiny" / "recs"
    for trial in trials:
        out = tmp_path / "figures.json"
        recs = lists / trial["lists_file"]
        fold = ["--fold", trial["fold"]] if trial["fold"] else []
        call = ["evaluate", "--config", str(path), "--recs", str(recs), *fold, "--json", str(out)]
        assert main(call) == 0
        assert json.loads(out.read_text())["figures"] == trial["test"], trial["name"]


def test_options_next_to_the_experiment(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file(MODELS)
    recs = tmp_path / "lists.tsv"
    recs.write_text("0\t20\t3\n0\t40\t2\nzoe\t20\t1\n")
    call = ["evaluate", "--config", str(path), "--recs", str(recs)]
    assert main([*call, "--metrics", "MRR", "--cutoffs", "1", "2"]) == 0
    printed = capsys.readouterr().out
    assert_contains(printed, ["MRR@1", "MRR@2", "1 of 3 rows: ignored"])
    assert "nDCG" not in printed
    assert main([*call, "--set", "evaluation.cutoffs=[4]"]) == 0
    assert "Recall@4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (["--train", "a.tsv"], ["--train", "--config", "--set"]),
        (["--binarize"], ["--binarize", "--set"]),
        (["--relevance-threshold", "0"], ["--relevance-threshold", "--set"]),
        (["--fold", "3"], ["no fold '3'", "none"]),
        (["--set", "dataset=[tiny, tiny2]"], ["--set dataset=NAME"]),
        (["--metrics", "Recal"], ["'Recal'", "Recall"]),
    ],
)
def test_what_does_not_fit_an_experiment(
    options: list[str],
    facts: list[str],
    experiment_file: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "lists.tsv").write_text("0\t20\t3\n")
    path = experiment_file()
    call = ["evaluate", "--config", str(path), "--recs", str(tmp_path / "lists.tsv")]
    assert main([*call, *options]) == 2
    assert_contains(capsys.readouterr().err, facts)


def test_a_fold_has_to_be_named(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file(data_config=to_split(tmp_path / "data" / "tiny"), splitting=FOLDS)
    (tmp_path / "lists.tsv").write_text("0\t20\t3\n")
    call = ["evaluate", "--config", str(path), "--recs", str(tmp_path / "lists.tsv")]
    assert main(call) == 2
    assert_contains(capsys.readouterr().err, ["folds 0, 1"])
    assert main([*call[:1], *call[3:], "--fold", "0"]) == 2
    assert_contains(capsys.readouterr().err, ["--fold", "--config"])


@pytest.mark.parametrize(
    ("cutoff", "facts"), [("0", "from 1"), ("-3", "from 1"), ("10" * 12, "from 1"), ("7", "9 TiB")]
)
def test_cutoffs_that_no_list_has(
    cutoff: str,
    facts: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill_memory(*_: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("mmrec.evaluation.evaluator.ground_truth", fill_memory)
    path = tmp_path / "lists.tsv"
    path.write_text("1\t2\t1\n1\t3\t1\n")
    files = [f"--{name}={path}" for name in ("recs", "train")]
    test = tmp_path / "test.tsv"
    test.write_text("1\t2\t1\n")
    assert main(["evaluate", *files, f"--test={test}", "--cutoffs", cutoff]) == 2
    assert facts in capsys.readouterr().err
