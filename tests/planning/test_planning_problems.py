"""What a stranger is told about a wrong experiment, a wrong path and wrong data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_experiment import settings

from mmrec.errors import ConfigError, DataError
from mmrec.experiment import run_experiment


def told(path: Path) -> list[str]:
    """The lines of the error, without the path of the file, and proof that nothing was written."""
    with pytest.raises(ConfigError) as error:
        run_experiment(path, progress=False)
    assert not (path.parents[1] / "results").exists()
    return [line.removeprefix(f"{path}:") for line in str(error.value).splitlines()]


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_everything_wrong_is_told_at_once_with_its_line(experiment_file):
    path = experiment_file(
        {
            "LightGCMN": {},
            "LATTICE": settings(top_k=0, lm=0.7, meta={"validation_metric": "Recal@5"}),
            "LightGCNM": settings(aggregation="avg", lr=[0.1, "fast"]),
        },
        evaluation={"simple_metrics": ["Recall", "nDGC"], "cutoffs": [5]},
        gpu="first",
    )
    path.write_text(path.read_text().replace("train.txt", "tran.txt").replace("Textual", "Txtual"))
    lines = told(path)
    text = "\n".join(lines)
    for expected in (
        f"{line_of(path, 'gpu')}: experiment.gpu: found 'first'",
        f"{line_of(path, 'tran.txt')}: experiment.data_config.train_path: no such path: ",
        f"{line_of(path, 'Txtual')}: experiment.data_config.side_information[1].dataloader: "
        "unknown loader 'TxtualAttribute' (did you mean 'TextualAttribute'?)",
        f"{line_of(path, 'LightGCMN')}: experiment.models.LightGCMN: unknown model (did you mean "
        "'LightGCNM'?); known: ",
        f"{line_of(path, 'nDGC')}: experiment.evaluation.simple_metrics[1]: unknown metric 'nDGC' "
        "(did you mean 'nDCG'?); accepted: Recall, ",
        f"{line_of(path, 'top_k: 0')}: experiment.models.LATTICE.top_k: found 0; accepted: ",
        f"{line_of(path, 'lm: 0.7')}: experiment.models.LATTICE.lm: unknown key (did you mean "
        "'l_m'?); accepted: ",
        f"{line_of(path, 'Recal@5')}: experiment.models.LATTICE.meta.validation_metric: unknown "
        "metric 'Recal' (did you mean 'Recall'?)",
        f"{line_of(path, 'avg')}: experiment.models.LightGCNM.aggregation: found 'avg'",
        "'fast'",
    ):
        assert expected in text, text
    numbers = [int(line.split(":")[0]) for line in lines]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{0}/val.txt",
            "{0}/valid.txt",
            "experiment.data_config.validation_path: no such path: {root}/data/tiny/valid.txt: "
            "{root}/data/tiny has no 'valid.txt' (did you mean 'val.txt'?)",
        ),
        (
            "VisualAttribute",
            "VisualAtribute",
            "experiment.data_config.side_information[0].dataloader: unknown loader "
            "'VisualAtribute' (did you mean 'VisualAttribute'?); known: ",
        ),
        (
            "visual_features",
            "visual_feature",
            "experiment.data_config.side_information[0].visual_feature: unknown key (did you mean "
            "'visual_features'?); VisualAttribute accepts: visual_features",
        ),
        (
            "image_feat",
            "images",
            "experiment.data_config.side_information[0].visual_features: no such path: "
            "{root}/data/tiny/images: {root}/data/tiny has no 'images'",
        ),
    ],
)
def test_a_wrong_name_in_the_data(experiment_file, old, new, message):
    path = experiment_file()
    path.write_text(path.read_text().replace(old, new))
    expected = message.replace("{root}", str(path.parents[1]))
    assert any(expected in line for line in told(path))


@pytest.mark.parametrize(
    ("models", "changes", "message"),
    [
        (
            {"LATTICE": settings(modalities=["audio"])},
            {},
            "modality 'audio' needs the loader 'AudioAttribute', which side_information does not "
            "have; it has: VisualAttribute, TextualAttribute; add it there, or leave 'audio' out "
            "of the model's modalities",
        ),
        (
            {"LightGCNM": settings(meta={"validation_rate": 5})},
            {},
            "meta.validation_rate: found 5, more than the 4 epochs of a trial",
        ),
        (
            {"LightGCNM": settings(meta={"validation_metric": "Recall@20"})},
            {},
            "found 'Recall@20', which is not computed (did you mean 'Recall@5'?); accepted: "
            "Recall@3, Recall@5, nDCG@3, nDCG@5",
        ),
        (
            {"LightGCNM": settings(early_stopping={"patience": 2, "monitor": "MRR@5"})},
            {},
            "early_stopping.monitor: found 'MRR@5', which is not computed",
        ),
        (
            {"LightGCNM": settings(lr=["uniform", 0.1, 0.2])},
            {},
            "a search that draws at random needs hyper_max_evals",
        ),
        (
            {"LightGCNM": settings(meta={"hyper_opt_alg": "anneal", "hyper_max_evals": 2})},
            {},
            "experiment.models.LightGCNM.meta.hyper_opt_alg: 'anneal' is not supported; use tpe or "
            "rand",
        ),
        (
            {"external.Mine": {}},
            {},
            "experiment.models.external.Mine: external_models_path is missing",
        ),
        (
            {"external.Mine": {}},
            {"external_models_path": "nowhere.py"},
            "config_files/nowhere.py: no such file",
        ),
        (
            {"RecommendationFolder": {"folder": "../data/tinny"}},
            {},
            "experiment.models.RecommendationFolder.folder: no such path: ",
        ),
        (
            {"RecommendationFolder": {"path": "../data/tiny"}},
            {},
            "experiment.models.RecommendationFolder.path: unknown key; accepted: folder",
        ),
        (
            {"LATTICE": settings(cf="ngcf", ws=[32, 32, 32])},
            {},
            "every width must equal factors = 8",
        ),
    ],
)
def test_a_wrong_entry_of_a_model(experiment_file, models, changes, message):
    path = experiment_file(models, **changes)
    lines = told(path)
    assert any(message in line for line in lines), lines


def test_an_external_file_that_fails_is_told_with_its_error(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text("import no_such_package\n")
    path = experiment_file({"external.Mine": {}}, external_models_path="mine.py")
    (line,) = told(path)
    assert "mine.py failed: ModuleNotFoundError: No module named 'no_such_package'" in line


def damaged(experiment_file, name: str, content: bytes | None) -> str:
    path = experiment_file()
    file = path.parents[1] / "data" / "tiny" / name
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(DataError) as error:
        run_experiment(path, progress=False)
    assert not (path.parents[1] / "results").exists()
    return str(error.value).replace(str(path.parents[1]), "")


def npy(array: object) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.txt", b"", "/data/tiny/train.txt: the file is empty"),
        ("test.txt", b"1,10,1\n", "/data/tiny/test.txt:1: expected 2 to 4 columns"),
        ("train.txt", b"0\t10\t1\n0\t20\tgood\n", "/data/tiny/train.txt:2: the rating 'good'"),
        ("test.txt", b"77\t10\t1\n", "test.txt: none of its users is in the training split"),
        ("image_feat/10.npy", npy([1.0] * 5), "different lengths: most have 6, but 10.npy (5)"),
        ("image_feat/10.npy", npy([np.nan] * 6), "image_feat: the vectors of these items hold NaN"),
        ("image_feat/10.npy", npy([[1.0] * 6] * 2), "image_feat/10.npy: expected a 1-D vector"),
        ("text_feat/10.npy", b"\x93NUMPY", "text_feat/10.npy: cannot be read as a vector"),
    ],
)
def test_damaged_data_is_refused_by_name(experiment_file, name, content, message):
    assert message in damaged(experiment_file, name, content)


def test_features_of_other_ids_leave_nothing(experiment_file):
    path = experiment_file()
    folder = path.parents[1] / "data/tiny/image_feat"
    for file in list(folder.iterdir()):
        file.rename(folder / f"item{file.name}")
    with pytest.raises(DataError, match="Do the file names of the feature folders equal the item"):
        run_experiment(path, progress=False)


def test_items_without_a_vector_leave_with_their_rows_and_the_log_says_so(experiment_file, caplog):
    path = experiment_file()
    (path.parents[1] / "data/tiny/text_feat/30.npy").unlink()
    with caplog.at_level("INFO"):
        results = run_experiment(path, progress=False)
    assert "TextualAttribute has no vector for 1 of the items: 30" in caplog.text
    assert "rows dropped for lack of a vector" in (results.folder / "run.log").read_text()


def test_one_file_of_all_splits(experiment_file):
    path = experiment_file(
        data_config={"strategy": "fixed", "dataset_path": "../data/{0}/{0}.inter"},
        evaluation={"simple_metrics": ["Recall"], "require_validation": True},
    )
    file = path.parents[1] / "data" / "tiny" / "tiny.inter"
    (line,) = told(path)
    assert "experiment.data_config.dataset_path: no such path: " in line
    file.write_text("userID\titemID\tx_label\n1\t2\t0\n1\t3\t2\n2\t3\t0\n")
    with pytest.raises(DataError) as error:
        run_experiment(path, progress=False)
    assert str(error.value) == f"{file}: no row is for validation (require_validation)"
    file.write_text(file.read_text() + "2\t2\t1\n")
    assert run_experiment(path, progress=False).n_failed == 0


def test_repeated_rows_are_told_and_recorded(experiment_file, caplog):
    path = experiment_file()
    train = path.parents[1] / "data" / "tiny" / "train.txt"
    train.write_text(train.read_text() * 2)
    n_rows = len(train.read_text().splitlines())
    results = run_experiment(path, progress=False)
    told = f"train: {n_rows // 2} repeated rows dropped (the last one counts); "
    assert any(message.startswith(told) for message in caplog.messages)
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert manifest["data"]["splits"]["train"]["duplicates"] == n_rows // 2
