"""The manifest: its form, its facts, and what it is made from."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from helpers import ROOT
from runs import MODELS, make_run, manifest, records, run
from stopping import stop_after
from tiny_experiment import Write, settings

from mmrec.data import read_split
from mmrec.models import source_digests
from mmrec.runs.differences import ABSENT, as_text, changes, equal
from mmrec.runs.environment import _driver, _git, describe_environment
from mmrec.runs.manifest import from_json, to_json
from mmrec.verify.verification import verify_run

SCHEMA = json.loads((ROOT / "docs" / "manifest.schema.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four trials."""
    return make_run(tmp_path_factory.mktemp("finished"))


def assert_documented(facts: dict[str, Any]) -> None:
    validation = jsonschema.Draft202012Validator(SCHEMA)
    validation.check_schema(SCHEMA)
    wrong = [f"{error.json_path}: {error.message}" for error in validation.iter_errors(facts)]
    assert wrong == []


def test_the_manifest_has_the_form_that_is_documented(finished: Path) -> None:
    assert_documented(manifest(finished))


def test_the_documented_form_is_strict(finished: Path) -> None:
    facts = manifest(finished)
    for change in (
        {"schema_version": 3},
        {"news": 1},
        {"started": "yesterday"},
        {"data": facts["data"] | {"fingerprint": "abc"}},
        {"environment": facts["environment"] | {"threads": 0}},
    ):
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(facts | change)


def test_every_description_of_the_schema_belongs_to_something() -> None:
    assert set(SCHEMA["required"]) == set(SCHEMA["properties"])


def test_a_run_with_failures_and_models_of_ones_own_is_documented(experiment_file: Write) -> None:
    path = experiment_file()
    (path.parent / "mine.py").write_text("from mmrec.models import LightGCNM\n")
    models = {"external.LightGCNM": settings(lr=[1e30, 0.01]), "LATTICE": settings(lr=1e30)}
    path = experiment_file(models, external_models_path="mine.py")
    path.write_text(path.read_text().replace("    validation_path: ../data/{0}/val.txt\n", ""))
    facts = manifest(run(path))
    assert_documented(facts)
    assert list(facts["code"]["external_models"]) == ["mine.py"]
    assert facts["models"]["LATTICE"]["best_trial"] is None
    assert "validation" not in facts["data"]["fingerprints"]
    assert facts["protocol"]["users_averaged"] == {"test": 24}


def test_the_experiment_stands_there_as_written_and_as_understood(finished: Path) -> None:
    facts = manifest(finished)
    written = facts["written"]["document"]["experiment"]
    assert written["data_config"]["train_path"] == "../data/{0}/train.txt"
    assert written["models"] == MODELS
    assert "gpu" not in written
    assert facts["experiment"]["gpu"] == -1
    base = Path(facts["written"]["base_dir"])
    assert Path(facts["experiment"]["data_config"]["train_path"]).samefile(
        base / "../data/tiny/train.txt"
    )
    assert facts["seeds"] == {
        "experiment": 42,
        "models": {"LightGCNM": [5], "LATTICE": [5], "MostPop": [42]},
    }


def test_the_protocol_counts_the_users_that_are_averaged_over(experiment_file: Write) -> None:
    path = experiment_file()
    for number, name in enumerate(("val", "test"), 1):
        file = path.parents[1] / "data" / "tiny" / f"{name}.txt"
        lines = file.read_text().splitlines()
        rated = [line[:-1] + ("5" if i % (number + 1) else "2") for i, line in enumerate(lines)]
        file.write_text("".join(f"{line}\n" for line in rated))
    evaluation = {"simple_metrics": ["Recall"], "cutoffs": [5], "relevance_threshold": 3}
    folder = run(experiment_file(evaluation=evaluation))
    protocol = manifest(folder)["protocol"]
    # Every second user of validation and two in three of test have a rating of 5.
    assert protocol["users_averaged"] == {"validation": 12, "test": 16}
    assert "at least 3" in protocol["relevance"]
    (values,) = np.load(next((folder / "per_user").iterdir())).values()
    assert np.count_nonzero(~np.isnan(values)) == 16


def test_every_item_has_the_digest_of_its_vector(finished: Path) -> None:
    digests = json.loads((finished / "features.json").read_text())["loaders"]
    assert list(digests) == ["VisualAttribute", "TextualAttribute"]
    folder = Path(digests["VisualAttribute"]["path"])
    assert len(digests["VisualAttribute"]["crc32"]) == 20
    for item, digest in digests["VisualAttribute"]["crc32"].items():
        vector = np.load(folder / f"{item}.npy")
        assert digest == f"{zlib.crc32(vector.astype('<f4').tobytes()):08x}"
    assert digests["TextualAttribute"]["missing"] == []


def test_counts_tell_what_filtering_took(experiment_file: Write, tmp_path: Path) -> None:
    path = experiment_file()
    data = tmp_path / "data" / "tiny"
    (data / "image_feat" / "30.npy").unlink()
    rows = read_split(data / "train.txt").frame
    lost = int((rows["item_id"] == "30").sum())
    folder = run(path)
    facts = manifest(folder)["data"]
    assert facts["splits"]["train"]["rows_read"] == len(rows) == 120
    assert facts["splits"]["train"]["rows_kept"] == 120 - lost
    assert (facts["items"], facts["items_dropped"]) == (19, 1)
    assert facts["loaders"]["VisualAttribute"]["items_dropped"] == 1
    lacking = json.loads((folder / "features.json").read_text())["loaders"]
    assert [lacking[name]["missing"] for name in lacking] == [["30"], []]


def test_a_resumed_run_has_equal_records_and_lists_its_sessions(
    finished: Path, experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = experiment_file(MODELS)
    for steps in (9, 20):
        with monkeypatch.context() as patched:
            stop_after(patched, steps)
            with pytest.raises(KeyboardInterrupt):
                run(path)
    folder = run(path)
    measured = {"seconds": 0, "peak_bytes": 0, "digest": ""}
    timeless = [[r | measured for r in records(each)] for each in (finished, folder)]
    assert timeless[0] == timeless[1]
    assert all(e["lists_sha256"] for r in timeless[1] for e in r["history"])
    sessions = manifest(folder)["sessions"]
    assert [session["differs"] for session in sessions] == [{}, {}]
    assert verify_run(folder).is_identical


def test_a_session_under_other_conditions_is_warned_of(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = experiment_file({"LightGCNM": settings()}, execution={"threads": 1})
    with monkeypatch.context() as patched:
        stop_after(patched, 5)
        with pytest.raises(KeyboardInterrupt):
            run(path)
    path = experiment_file({"LightGCNM": settings()}, execution={"threads": 2})
    facts = manifest(run(path))
    assert_documented(facts)
    (session,) = facts["sessions"]
    assert session["differs"] == {"environment.threads": [1, 2]}
    (note,) = (note for note in facts["notes"] if "session" in note)
    assert "environment.threads: 1 -> 2" in note


def test_the_switches_are_those_of_a_trial_and_are_put_back() -> None:
    facts = describe_environment([torch.device("cpu")], 3, None)
    assert facts["environment"]["threads"] == 3
    assert facts["determinism"]["deterministic_algorithms"]
    assert facts["determinism"]["cublas_workspace_config"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert facts["environment"]["packages"]["torch"] == torch.__version__
    again = describe_environment([torch.device("cpu")], 3, None)
    assert (again["environment"], again["determinism"]) == (
        facts["environment"],
        facts["determinism"],
    )


def test_the_code_of_external_models_has_digests(tmp_path: Path) -> None:
    assert source_digests(None) == {}
    package = tmp_path / "models"
    (package / "deep").mkdir(parents=True)
    for name in ("__init__.py", "one.py", "deep/two.py", "notes.txt"):
        (package / name).write_text(f"# {name}\n")
    inside = source_digests(package)
    assert list(inside) == ["__init__.py", "deep/two.py", "one.py"]
    assert source_digests(package / "__init__.py") == inside
    assert list(source_digests(package / "one.py")) == ["one.py"]
    (package / "one.py").write_text("# changed\n")
    changed = [k for k, v in source_digests(package).items() if v != inside[k]]
    assert changed == ["one.py"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert _git(tmp_path) is None
    git(tmp_path, "init")
    assert _git(tmp_path) is None  # there is no commit yet
    (tmp_path / "__init__.py").write_text("1")
    git(tmp_path, "add", "__init__.py")
    git(tmp_path, "commit", "-m", "one")
    (tmp_path / "untracked").write_text("1")
    found = _git(tmp_path)
    assert found is not None
    assert (len(found["commit"]), found["dirty"]) == (40, False)
    (tmp_path / "__init__.py").write_text("2")
    assert _git(tmp_path) == found | {"dirty": True}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_no_program_that_a_repository_names_is_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-index-change").symlink_to(program)
    repository = tmp_path / "theirs"
    git(repository, "init")
    (repository / "__init__.py").touch()
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    git(repository, "config", "core.fsmonitor", str(program))
    git(repository, "config", "core.hooksPath", str(hooks))
    assert _git(repository) is not None
    assert not ran.exists()
    git(repository, "status")
    assert ran.exists()  # git itself runs it


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("variable", [None, "GIT_DIR"])
def test_a_repository_that_does_not_track_the_package_is_no_fact_and_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    package = tmp_path / "theirs/site-packages/mmrec"
    package.mkdir(parents=True)
    repository = tmp_path / "theirs"
    git(repository, "init")
    (repository / ".gitattributes").write_text("*.txt filter=theirs\n")
    (repository / "a.txt").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    git(repository, "config", "filter.theirs.clean", f"touch {tmp_path / 'ran'}")
    (repository / "a.txt").write_text("2")
    (package / "__init__.py").touch()
    monkeypatch.chdir(repository)
    if variable is not None:
        monkeypatch.setenv(variable, str(repository / ".git"))
    assert _git(package) is None
    with monkeypatch.context() as patched:
        patched.setattr("mmrec.runs.environment.PACKAGE", package)
        described = describe_environment([torch.device("cpu")], 1, None)
    assert described["code"]["git"] is None
    assert not (tmp_path / "ran").exists()
    git(repository, "status")
    assert (tmp_path / "ran").exists()  # git itself runs it


def git(repository: Path, *arguments: str) -> None:
    repository.mkdir(exist_ok=True)
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    subprocess.run(command, cwd=repository, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19", "535.104.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54  Rel", "550.54"),
        ("nothing of the kind", None),
    ],
)
def test_the_version_of_the_driver(tmp_path: Path, text: str, version: str | None) -> None:
    (tmp_path / "version").write_text(text)
    assert _driver(tmp_path / "version") == version
    assert _driver(tmp_path / "none") is None


@pytest.mark.parametrize(
    "value",
    [{"a": (1, 2)}, {"a": [(1,), ()]}, {"a": {"b": ("x", None, True, 1e-5)}}, {"a": [1, 1.0]}],
)
def test_an_experiment_comes_back_from_json_as_it_was(value: dict[str, Any]) -> None:
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert repr(back) == repr(value)


def test_changes_go_key_by_key() -> None:
    one = {"a": {"b": 1, "c": [1, 2]}, "d": math.nan, "e": 1, "f": None}
    other = {"a": {"b": 2, "c": [2, 1]}, "d": math.nan, "e": 1.0, "g": None}
    assert list(changes(one, other)) == [
        ("a.b", 1, 2),
        ("a.c", [1, 2], [2, 1]),
        ("e", 1, 1.0),
        ("f", None, ABSENT),
        ("g", ABSENT, None),
    ]
    assert list(changes(one, one)) == []
    assert not equal(True, 1)
    assert not equal(None, ABSENT)
    assert equal(ABSENT, ABSENT)


def test_values_are_shown_short() -> None:
    assert as_text("f" * 64) == "f" * 12
    assert as_text("f" * 39 + " is no digest") == "f" * 39 + " is no digest"
    values = (None, 0.1, "text", [1, "a"])
    assert [as_text(value) for value in values] == ["null", "0.1", "text", '[1, "a"]']


def test_every_test_that_the_page_on_reproducibility_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "reproducibility.md").read_text()))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named - written == set()
