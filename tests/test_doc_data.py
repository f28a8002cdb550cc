"""Every command and form of data in docs/data.md, read from the page and run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_faults import FAULTY, write_faulty_experiment
from data_forms import SPLITS, write_every_form
from helpers import ROOT, assert_contains, refusal, write_text
from tiny_experiment import settings

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan

DOC = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, dict[str, Any]]:
    """The table below a heading: what the user has, and the keys to write for it."""
    table = DOC.split(f"### {title}\n")[1].split("\n###")[0]
    found = re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)[1:]
    return {
        have: yaml.safe_load("\n".join(re.findall(r"`([^`]+)`", write))) for have, write in found
    }


def faults() -> dict[str, tuple[str, str]]:
    """What the user has, whether it is a warning or an error, and a part of the message."""
    table = DOC.split("### What is refused or reported\n")[1].split("\n###")[0]
    found = re.findall(r"^\| (.+) \| an? (warning|error) \| `(.+)` \|$", table, re.MULTILINE)
    return {have: (kind, part) for have, kind, part in found}


INTERACTIONS = rows("Interactions")
VECTORS = rows("Feature vectors of items")
FAULTS = faults()
ELLIOT = next(iter(INTERACTIONS.values()))
FOLDER = next(iter(VECTORS.values()))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    write_every_form(folder / "data" / "tiny", "tiny")
    return folder


def snippet(title: str) -> str:
    """The YAML below a heading."""
    (found,) = re.findall(
        r"```yaml\n(.+?)```", DOC.split(f"### {title}\n")[1].split("\n##")[0], re.DOTALL
    )
    return found


def run(
    data: Path,
    results: Path,
    interactions: dict[str, Any],
    vectors: dict[str, Any],
    **sections: Any,
) -> Any:
    """Run one epoch and return all that must not depend on the form of the data."""
    experiment = {
        "dataset": "tiny",
        "data_config": {
            "strategy": "fixed",
            **interactions,
            "side_information": [{"dataloader": "VisualAttribute", **vectors}],
        },
        "top_k": 5,
        "evaluation": {"simple_metrics": ["Recall", "nDCG"]},
        "path_output_rec_performance": str(results),
        **sections,
        "models": {
            "LightGCNM": settings(
                epochs=1, modalities="('visual',)", loaders="('VisualAttribute',)"
            )
        },
    }
    (data / "config_files").mkdir(exist_ok=True)
    path = data / "config_files" / "tiny.yml"
    path.write_text(yaml.safe_dump({"experiment": experiment}))
    folder = run_experiment(path, progress=False).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    trials = [
        {key: trial[key] for key in ("trial_id", "status", "weights_sha256", "lists_sha256")}
        for trial in manifest["trials"]
    ]
    assert [trial["status"] for trial in trials] == ["finished"]
    splits = manifest["data"]["splits"]
    for counts in splits.values():  # some forms have repeated rows, which do not count
        del counts["rows_read"], counts["duplicates"]
    return manifest["data"]["fingerprints"], splits, trials


@pytest.fixture(scope="module")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(data, tmp_path_factory.mktemp("results"), ELLIOT, FOLDER)


def test_the_doc_lists_what_is_read() -> None:
    assert len(INTERACTIONS) >= 7
    assert len(VECTORS) >= 10


@pytest.mark.parametrize("interactions", INTERACTIONS.values(), ids=INTERACTIONS.keys())
def test_interactions(
    interactions: dict[str, Any], data: Path, expected: Any, tmp_path: Path
) -> None:
    assert run(data, tmp_path, interactions, FOLDER) == expected


@pytest.mark.parametrize("vectors", VECTORS.values(), ids=VECTORS.keys())
def test_vectors(vectors: dict[str, Any], data: Path, expected: Any, tmp_path: Path) -> None:
    assert run(data, tmp_path, ELLIOT, vectors) == expected


@pytest.mark.parametrize("have", FAULTS)
def test_what_is_refused_or_reported(
    have: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kind, part = FAULTS[have]
    path = write_faulty_experiment(have, tmp_path)

    def load() -> tuple[Dataset, ...]:
        return load_datasets(make_plan(read_experiment(path)))

    if kind == "error":
        assert_contains(refusal(DataError, load), [part])
        return
    warnings = load()[0].report.warnings
    messages = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert any(part in message for message in (*messages, *warnings))


def test_every_fault_is_in_the_doc() -> None:
    assert set(FAULTS) == set(FAULTY)


def test_one_file_that_is_not_split_yet(data: Path, tmp_path: Path) -> None:
    folder = data / "data" / "tiny"
    tables = [(folder / f"{split}.csv").read_text("utf-8-sig") for split in SPLITS]
    head = tables[0].partition("\n")[0]
    write_text(folder / "all.csv", "\n".join([head, *(t.partition("\n")[2] for t in tables)]))
    write_text(folder / "all.tsv", "".join((folder / f"{s}.tsv").read_text() for s in SPLITS))
    written = yaml.safe_load(snippet("One file, to be split"))["experiment"]
    splitting, keys = written["splitting"], written["data_config"]
    plain = {"strategy": "dataset", "dataset_path": "../data/{0}/all.tsv"}
    results = [
        run(data, tmp_path / str(n), interactions, FOLDER, splitting=splitting)
        for n, interactions in enumerate((keys, plain))
    ]
    assert results[0] == results[1]
    assert [results[0][1][split]["rows_kept"] for split in ("test", "validation")] == [48, 24]


def test_a_whole_folder_of_another_framework(data: Path, expected: Any, tmp_path: Path) -> None:
    mmrec = next(keys for have, keys in INTERACTIONS.items() if have.startswith("MMRec"))
    matrix = next(keys for have, keys in VECTORS.items() if have.startswith("MMRec"))
    assert run(data, tmp_path, mmrec, matrix) == expected


def test_the_whole_example(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "baby"
    write_every_form(folder, "baby")
    (folder / "text_feat.npy").write_bytes((folder / "image_feat.npy").read_bytes())
    (tmp_path / "config_files").mkdir()
    path = tmp_path / "config_files" / "baby.yml"
    path.write_text(snippet("A whole example"))
    results = run_experiment(path, progress=False)
    assert results.n_failed == 0
    manifest = json.loads((results.folder / "manifest.json").read_text())
    paths = {entry["path"] for entry in manifest["data"]["files"].values()}
    assert paths == {str(folder / "baby.inter")}
