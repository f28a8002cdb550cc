"""Other data: the split or the loader is named, and the file, before anything is trained."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains
from runs import flip_bit, run
from tiny_experiment import Write

from mmrec.verify.data import DataDifference, DataFacts, data_differences
from mmrec.verify.verification import Verification, verify_run


@pytest.fixture
def folder(experiment_file: Write) -> Path:
    """The folder of a run of one trial."""
    return run(experiment_file())


def data_of(folder: Path) -> Path:
    return folder.parents[3] / "data" / "tiny"


def reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is reported of the data, with paths from the data's folder; no trial may run."""
    monkeypatch.chdir(data_of(folder))
    monkeypatch.delattr("mmrec.verify.rerun.Workbench")
    verification = verify_run(folder)
    assert not verification.is_identical
    return list(map(str, verification.data))


def test_one_bit_of_one_vector_names_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip_bit(data_of(folder) / "image_feat" / "30.npy")
    (line,) = reported(folder, monkeypatch)
    assert_contains(line, ["VisualAttribute: ", "item 30", "image_feat/30.npy"])


def test_a_bit_is_found_though_size_and_time_of_the_file_are_as_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, experiment_file: Write
) -> None:
    # Packed features are taken for those of files with the same size and time.
    monkeypatch.setattr("mmrec.features.folder.MIN_PACKED", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = run(experiment_file())
    assert list((tmp_path / "cache").rglob("*.npy"))
    file = data_of(folder) / "text_feat" / "190.npy"
    status = file.stat()
    flip_bit(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    (line,) = reported(folder, monkeypatch)
    assert_contains(line, ["TextualAttribute: ", "item 190", "text_feat/190.npy"])


def test_many_vectors_are_counted_and_some_of_them_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in range(0, 80, 10):
        flip_bit(data_of(folder) / "image_feat" / f"{item}.npy")
    flip_bit(data_of(folder) / "text_feat" / "0.npy")
    textual, visual = reported(folder, monkeypatch)
    assert_contains(textual, ["TextualAttribute: ", "item 0", "text_feat/0.npy"])
    assert_contains(
        visual, ["VisualAttribute: 8 items", "image_feat/0.npy", "image_feat/40.npy", "3 more"]
    )
    assert "image_feat/50.npy" not in visual


def test_a_vector_that_is_gone_is_named_as_what_shrank_the_splits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_of(folder) / "image_feat" / "30.npy").unlink()
    lines = reported(folder, monkeypatch)
    assert_contains(lines[0], ["items: ", "20 -> 19"])
    assert_contains(lines[1], ["train: ", "120 rows -> "])
    assert "train.txt" not in lines[1]  # the file itself is the same
    assert_contains(lines[-1], ["VisualAttribute: ", "item 30", "image_feat/30.npy"])
    assert not any(line.startswith("TextualAttribute") for line in lines)


def test_a_vector_that_was_not_there_is_named(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = experiment_file()
    vector = tmp_path / "data" / "tiny" / "image_feat" / "30.npy"
    content = vector.read_bytes()
    vector.unlink()
    folder = run(path)
    vector.write_bytes(content)
    *_, line = reported(folder, monkeypatch)
    assert_contains(line, ["VisualAttribute: ", "item 30", "image_feat/30.npy", "new"])


def test_filled_in_vectors_do_not_hide_the_file_that_changed_them(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import yaml

    path = experiment_file()
    experiment = yaml.safe_load(path.read_text())
    experiment["experiment"]["data_config"]["side_information"][0]["missing"] = "mean"
    path.write_text(yaml.safe_dump(experiment))
    (tmp_path / "data" / "tiny" / "image_feat" / "30.npy").unlink()
    folder = run(path)
    assert verify_run(folder).is_identical
    file = data_of(folder) / "image_feat" / "50.npy"
    np.save(file, np.load(file) + np.float32(1))
    (line,) = reported(folder, monkeypatch)
    assert_contains(line, ["VisualAttribute: ", "item 50", "image_feat/50.npy"])


def test_vectors_of_another_width_are_reported_by_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (data_of(folder) / "text_feat").iterdir():
        np.save(file, np.load(file)[:3])
    lines = reported(folder, monkeypatch)
    assert_contains(lines[0], ["TextualAttribute: ", "4 ", "-> 3"])
    assert_contains(lines[1], ["TextualAttribute: ", "20 items"])


def test_a_file_of_all_vectors_is_named_with_the_item(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data" / "tiny"
    files = sorted((data / "image_feat").iterdir())
    ids, vectors = [file.stem for file in files], np.stack([np.load(file) for file in files])
    path = experiment_file()
    path.write_text(path.read_text().replace("image_feat", "image.npz"))
    np.savez(data / "image.npz", ids=np.array(ids), features=vectors)
    folder = run(path)
    vectors[ids.index("70")] += 1
    np.savez(data / "image.npz", ids=np.array(ids), features=vectors)
    (line,) = reported(folder, monkeypatch)
    assert_contains(line, ["VisualAttribute: ", "item 70", "image.npz"])


@pytest.mark.parametrize(
    ("file", "split", "rows"),
    [("train.txt", "train", 120), ("val.txt", "validation", 24), ("test.txt", "test", 24)],
)
def test_a_changed_row_names_its_split(
    folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, split: str, rows: int
) -> None:
    path = data_of(folder) / file
    path.write_text(path.read_text().replace("\t1\n", "\t2\n", 1))
    (line,) = reported(folder, monkeypatch)
    assert line.startswith(f"{split}: ")
    assert_contains(line, [file, f"{rows} rows"])


def test_a_row_less_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data_of(folder) / "test.txt"
    path.write_text(path.read_text().partition("\n")[2])
    (line,) = reported(folder, monkeypatch)
    assert_contains(line, ["test: ", "test.txt", "24 rows -> 23 rows"])


def test_a_user_more_is_reported_with_the_split_that_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_of(folder) / "train.txt"
    path.write_text(path.read_text() + "-5\t30\t1\n")  # comes first: every number shifts
    users, train = reported(folder, monkeypatch)
    assert_contains(users, ["users: ", "24 -> 25"])
    assert_contains(train, ["train: ", "train.txt", "120 rows -> 121 rows"])


def test_the_order_of_the_rows_of_a_file_does_not_matter(folder: Path) -> None:
    path = data_of(folder) / "train.txt"
    path.write_text("".join(sorted(path.read_text().splitlines(keepends=True))))
    assert verify_run(folder).is_identical


def test_each_line_names_the_part() -> None:
    differences = (DataDifference("train", "x"), DataDifference("test", "y", fold="2"))
    verification = Verification(Path("run_1"), data=differences)
    assert str(verification).splitlines()[1:] == ["  data: train: x", "  data: fold 2: test: y"]


def test_a_loader_of_one_run_alone_belongs_to_no_fold() -> None:
    one, other = facts({"VisualAttribute": [2, 4]}), facts({})
    for sides in ((one, other), (other, one)):
        (difference,) = data_differences(*sides)
        assert (difference.part, difference.fold) == ("VisualAttribute", "")


def facts(features: dict[str, list[int]]) -> DataFacts:
    """The data of a run on two folds."""
    folds = [
        {"name": name, "fingerprints": dict.fromkeys(features, "a" * 64), "features": features}
        for name in ("0", "1")
    ]
    items = {loader: {"path": "x", "crc32": {}, "missing": []} for loader in features}
    return DataFacts({"folds": folds}, items)
