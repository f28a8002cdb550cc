"""What is reported about a wrong experiment, a wrong path and wrong data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains
from tiny_experiment import SPLITS_AND_FEATURES, settings

from mmrec.errors import ConfigError, DataError
from mmrec.experiment import run_experiment
from mmrec.models import MODELS
from mmrec.models.other_tools import OF_ITS_KIND, SAME_MODEL

MORE = "more problems may follow"


def reported(path: Path) -> list[str]:
    """The problems of the error, without the path of the file; nothing was written."""
    with pytest.raises(ConfigError) as error:
        run_experiment(path, progress=False)
    assert not (path.parents[1] / "results").exists()
    lines = str(error.value).splitlines()
    return [line.removeprefix(f"{path}:") for line in lines if not line.startswith(MORE)]


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_everything_wrong_is_reported_at_once_with_its_line(experiment_file):
    path = experiment_file(
        {
            "LigthGCNM": {},
            "LATTICE": settings(top_k=0, lm=0.7, meta={"validation_metric": "Recal@5"}),
            "LightGCNM": settings(aggregation="avg", lr=[0.1, "fast"]),
        },
        evaluation={"simple_metrics": ["Recall", "nDGC"], "cutoffs": [5]},
        gpu="first",
    )
    path.write_text(path.read_text().replace("train.txt", "tran.txt").replace("Textual", "Txtual"))
    lines = reported(path)
    for written, key, *facts in (
        ("gpu", "gpu", "'first'"),
        ("tran.txt", "data_config.train_path", "tran.txt", "'train.txt'"),
        ("Txtual", "data_config.side_information[1].dataloader", "'TextualAttribute'"),
        ("LigthGCNM", "models.LigthGCNM", "'LightGCNM'"),
        ("nDGC", "evaluation.simple_metrics[1]", "'nDGC'", "'nDCG'", "Recall"),
        ("top_k: 0", "models.LATTICE.top_k", "0"),
        ("lm: 0.7", "models.LATTICE.lm", "'l_m'"),
        ("Recal@5", "models.LATTICE.meta.validation_metric", "'Recal'", "'Recall'"),
        ("avg", "models.LightGCNM.aggregation", "'avg'"),
    ):
        place = f"{line_of(path, written)}: experiment.{key}: "
        (line,) = (line for line in lines if line.startswith(place))
        assert_contains(line.removeprefix(place), facts)
    assert [line for line in lines if "experiment.models.LightGCNM.lr: found 'fast'" in line]
    numbers = [int(line.split(":")[0]) for line in lines]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("old", "new", "key", "facts"),
    [
        (
            "{0}/val.txt",
            "{0}/valid.txt",
            "validation_path",
            ["{root}/data/tiny/valid.txt", "'val.txt'"],
        ),
        (
            "VisualAttribute",
            "VisualAtribute",
            "side_information[0].dataloader",
            ["'VisualAtribute'", "'VisualAttribute'", "AudioAttribute"],
        ),
        (
            "visual_features",
            "visual_feature",
            "side_information[0].visual_feature",
            ["'visual_features'", "VisualAttribute"],
        ),
        (
            "image_feat",
            "images",
            "side_information[0].visual_features",
            ["{root}/data/tiny/images"],
        ),
    ],
)
def test_a_wrong_name_in_the_data(experiment_file, old, new, key, facts):
    path = experiment_file()
    path.write_text(path.read_text().replace(old, new))
    (line,) = (line for line in reported(path) if f" experiment.data_config.{key}: " in line)
    assert_contains(line, (fact.replace("{root}", str(path.parents[1])) for fact in facts))


@pytest.mark.parametrize(
    ("models", "changes", "facts"),
    [
        (
            {"LATTICE": settings(modalities=["audio"])},
            {},
            ["models.LATTICE", "'AudioAttribute'", "VisualAttribute, TextualAttribute"],
        ),
        (
            {"LightGCNM": settings(meta={"validation_rate": 5})},
            {},
            ["models.LightGCNM.meta.validation_rate: ", "found 5", "4 epochs"],
        ),
        (
            {"MostPop": {}, "BPRMF": {"meta": {"validation_rate": 3}}},
            {},
            ["models.BPRMF.meta.validation_rate: ", "found 3", "2 epochs, the default"],
        ),
        (
            {"BPRMF": {"lr": ["uniform", 0.1, 0.2], "meta": {"hyper_max_evals": 2, "x": 1}}},
            {},
            ["models.BPRMF.meta.x: ", "unknown key"],
        ),
        (
            {"BPRMF": {"user_regularization": 0.1}},
            {},
            ["models.BPRMF.user_regularization: ", "Elliot's own BPRMF", "l_w"],
        ),
        (
            {"VBPR": {"factors_d": 20}},
            {},
            ["models.VBPR.factors_d: ", "Elliot's own VBPR"],
        ),
        (
            {"LightGCNM": settings(meta={"validation_metric": "Recall@20"})},
            {},
            ["'Recall@20'", "'Recall@5'", "Recall@3, Recall@5, nDCG@3, nDCG@5"],
        ),
        (
            {"LightGCNM": settings(early_stopping={"patience": 2, "monitor": "MRR@5"})},
            {},
            ["early_stopping.monitor: ", "'MRR@5'"],
        ),
        (
            {"LightGCNM": settings(early_stopping={})},
            {},
            ["experiment.models.LightGCNM.early_stopping.patience: ", "required"],
        ),
        (
            {"LightGCNM": settings(lr=["uniform", 0.1, 0.2])},
            {},
            ["models.LightGCNM", "hyper_max_evals"],
        ),
        (
            {"LightGCNM": settings(meta={"hyper_opt_alg": "anneal", "hyper_max_evals": 2})},
            {},
            ["experiment.models.LightGCNM.meta.hyper_opt_alg: ", "'anneal'", "tpe", "rand"],
        ),
        (
            {"external.Mine": {}},
            {},
            ["experiment.models.external.Mine: ", "external_models_path"],
        ),
        (
            {"external.Mine": {}},
            {"external_models_path": "nowhere.py"},
            ["config_files/nowhere.py"],
        ),
        (
            {"RecommendationFolder": {"folder": "../data/tinny"}},
            {},
            ["experiment.models.RecommendationFolder.folder: ", "tinny"],
        ),
        (
            {"RecommendationFolder": {"path": "../data/tiny"}},
            {},
            ["experiment.models.RecommendationFolder.path: ", "accepted: folder"],
        ),
        (
            {"LATTICE": settings(cf="ngcf", ws=[32, 32, 32])},
            {},
            ["models.LATTICE", "width", "factors", "8"],
        ),
        (
            {"LightGCNM": settings(sampler=["UniformUsers", "Pairs"])},
            {},
            ["models.LightGCNM.sampler: ", "Pairs", "negatives", "EachInteraction"],
        ),
        (
            {"LATTICE": settings(modalities=["visul", "textual"])},
            {},
            ["models.LATTICE", "visul", "did you mean 'visual'?"],
        ),
    ],
)
def test_a_wrong_entry_of_a_model(experiment_file, models, changes, facts):
    *others, line = reported(experiment_file(models, **changes))
    assert_contains(line, facts)
    assert len(others) == ("path" in models.get("RecommendationFolder", {}))  # folder is missing


def test_an_external_file_that_fails_is_reported_with_its_error(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text("import no_such_package\n")
    path = experiment_file({"external.Mine": {}}, external_models_path="mine.py")
    (line,) = reported(path)
    assert_contains(line, ["mine.py", "ModuleNotFoundError: No module named 'no_such_package'"])


@pytest.mark.parametrize(
    "changes",
    [
        {"models": {"Mine": {}}},
        {"models": {"LightGCNM": settings(sampler="Mine")}},
        {"evaluation": {"simple_metrics": ["Recall", "Mine"], "cutoffs": [5]}},
        {"tracking": ["mine"]},
        {"execution": {"backend": "mine"}},
        {"data_config": SPLITS_AND_FEATURES | {"side_information": [{"dataloader": "Mine"}]}},
    ],
)
def test_names_are_not_called_unknown_if_the_file_that_may_define_them_fails(
    experiment_file, changes
):
    path = experiment_file(external_models_path="mine.py", **changes)
    (path.parent / "mine.py").write_text("import no_such_package\n")
    (line,) = reported(path)
    assert_contains(line, ["mine.py", "no_such_package"])


ELLIOT_MODEL = "from elliot.recommender import RecMixin\n\nclass VBPR(RecMixin):\n    pass\n"


@pytest.mark.parametrize("package", [False, True])
def test_models_written_for_elliot_are_refused_with_all_models_that_are_not_built_in(
    experiment_file, package
):
    own = "models/__init__.py" if package else "models.py"
    models = {f"external.{name}": {} for name in ("MostPop", "MMSSL", "BPRMF_batch", "WRMF")}
    path = experiment_file(models, external_models_path=own)
    (path.parent / own).parent.mkdir(exist_ok=True)
    if package:
        (path.parent / own).write_text("import torch\nfrom .vbpr import VBPR\n")
        (path.parent / "models" / "vbpr.py").write_text(ELLIOT_MODEL)
    else:
        (path.parent / own).write_text(ELLIOT_MODEL)
    lines = reported(path)
    (refused,) = (line for line in lines if "Elliot" in line)
    assert_contains(refused, ["external_models_path", own, "built in", "remove this key"])
    missing = [line for line in lines if line != refused]
    other_name, absent, same_objective = sorted(missing, key=lambda line: line.partition("'")[2])
    assert_contains(other_name, ["'BPRMF_batch'", "did you mean 'BPRMF'"])
    assert_contains(absent, ["'MMSSL'", "docs/writing_a_model.md", "RecommendationFolder"])
    assert_contains(same_objective, ["'WRMF'", "did you mean 'iALS'"])


OF_OTHER_TOOLS = {
    **{"MultiVAE": "EASER", "PMF": "iALS", "BPRSlim": "Slim", "SlopeOne": "ItemKNN"},
    **{"GCMC": "LightGCN", "VSM": "AttributeItemKNN", "DVBPR": "VBPR", "DualGNN": "MMGCN"},
}


@pytest.mark.parametrize("prefix", ["", "external."])
def test_each_model_of_other_tools_is_reported_with_one_of_its_kind(experiment_file, prefix):
    models = {f"{prefix}{name}": {} for name in OF_OTHER_TOOLS}
    lines = reported(experiment_file(models))
    for line, (name, instead) in zip(lines, OF_OTHER_TOOLS.items(), strict=True):
        facts = [f"'{name}'", f"{instead}", "docs/writing_a_model.md", "RecommendationFolder"]
        assert_contains(line, facts)
        assert "did you mean" not in line


def test_models_that_are_known_instead_of_those_of_other_tools_exist():
    names = {name for ours in OF_ITS_KIND.values() for name in ours.split(", ")}
    assert names | set(SAME_MODEL.values()) <= set(MODELS)
    assert not (set(OF_ITS_KIND) | set(SAME_MODEL)) & set(MODELS)


def test_a_loader_of_elliot_is_named_as_such(experiment_file):
    path = experiment_file()
    path.write_text(path.read_text().replace("dataloader: VisualAttribute", "dataloader: KGRec"))
    assert_contains(reported(path)[0], ["KGRec", "Elliot", "remove the entry", "ItemAttributes"])


def test_a_missing_external_file_that_no_model_needs_can_be_left_out(experiment_file):
    path = experiment_file({"external.MostPop": {}}, external_models_path="no/such.py")
    (line,) = reported(path)
    assert_contains(line, ["no/such.py", "built in", "remove this key"])


def test_keys_of_elliots_loaders_are_named_as_such(experiment_file):
    path = experiment_file()
    text = path.read_text()
    (line,) = (x for x in text.splitlines() if x.strip(" -").startswith("visual_features"))
    indent = " " * (len(line) - len(line.lstrip(" -")))
    path.write_text(text.replace(line, f"{line}\n{indent}visual_pca_features: x"))
    (found,) = reported(path)
    assert_contains(found, ["visual_pca_features", "Elliot", "does not support"])


def test_duplicate_metrics_are_computed_once(experiment_file):
    evaluation = {"simple_metrics": ["Recall", "recall", "nDCG"], "cutoffs": [5]}
    results = run_experiment(
        experiment_file({"MostPop": {}}, evaluation=evaluation), progress=False
    )
    assert [x for x in results.best.columns if "@" in x and " " not in x] == ["Recall@5", "nDCG@5"]


@pytest.mark.parametrize(
    ("changes", "unchecked"),
    [
        ({"external_models_path": "nowhere.py"}, "names"),
        ({"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [0]}}, "evaluation"),
        ({"gpu": "first"}, None),
    ],
)
def test_a_sentence_says_that_more_problems_may_follow(experiment_file, changes, unchecked):
    with pytest.raises(ConfigError) as error:
        run_experiment(experiment_file(**changes), progress=False)
    last = str(error.value).splitlines()[-1]
    assert last.startswith(MORE) == (unchecked is not None)
    assert unchecked is None or unchecked in last


def test_missing_files_are_reported_with_an_external_file_that_fails(experiment_file):
    path = experiment_file(external_models_path="mine.py")
    (path.parent / "mine.py").write_text("import no_such_package\n")
    (path.parents[1] / "data" / "tiny" / "val.txt").unlink()
    lines = reported(path)
    assert len(lines) == 2
    assert_contains("\n".join(lines), ["no_such_package", "validation_path"])


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
    ("name", "content", "facts"),
    [
        ("train.txt", b"", ["/data/tiny/train.txt: ", "empty"]),
        ("test.txt", b"1,10,1\n", ["/data/tiny/test.txt:1: ", "2 to 4 columns"]),
        ("train.txt", b"0\t10\t1\n0\t20\tgood\n", ["/data/tiny/train.txt:2: ", "'good'"]),
        ("test.txt", b"77\t10\t1\n", ["/data/tiny/test.txt: ", "no user is in the training split"]),
        ("image_feat/10.npy", npy([1.0] * 5), ["/data/tiny/image_feat: ", "10.npy", "5", "6"]),
        ("image_feat/10.npy", npy([np.nan] * 6), ["/data/tiny/image_feat: ", "10", "NaN"]),
        ("image_feat/10.npy", npy([[1.0] * 6] * 2), ["/data/tiny/image_feat/10.npy: ", "1-D"]),
        ("text_feat/10.npy", b"\x93NUMPY", ["/data/tiny/text_feat/10.npy: "]),
    ],
)
def test_damaged_data_is_refused_by_name(experiment_file, name, content, facts):
    assert_contains(damaged(experiment_file, name, content), facts)


def test_features_of_other_ids_leave_nothing(experiment_file):
    path = experiment_file()
    folder = path.parents[1] / "data/tiny/image_feat"
    for file in list(folder.iterdir()):
        file.rename(folder / f"item{file.name}")
    with pytest.raises(DataError) as error:
        run_experiment(path, progress=False)
    assert_contains(str(error.value), ["VisualAttribute"])


def test_items_without_a_vector_leave_with_their_rows_and_the_log_says_so(experiment_file, caplog):
    path = experiment_file()
    (path.parents[1] / "data/tiny/text_feat/30.npy").unlink()
    with caplog.at_level("INFO"):
        results = run_experiment(path, progress=False)
    reported = [line for line in caplog.messages if "TextualAttribute" in line]
    assert_contains(" ".join(reported), ["1 of ", "30"])
    assert reported[0] in (results.folder / "run.log").read_text()


def test_one_file_of_all_splits(experiment_file):
    path = experiment_file(
        data_config={"strategy": "fixed", "dataset_path": "../data/{0}/{0}.inter"},
        evaluation={"simple_metrics": ["Recall"], "require_validation": True},
    )
    file = path.parents[1] / "data" / "tiny" / "tiny.inter"
    (line,) = reported(path)
    assert_contains(line, ["experiment.data_config.dataset_path: ", file])
    file.write_text("userID\titemID\tx_label\n1\t2\t0\n1\t3\t2\n2\t3\t0\n")
    with pytest.raises(DataError) as error:
        run_experiment(path, progress=False)
    assert_contains(str(error.value), [file, "require_validation"])
    file.write_text(file.read_text() + "2\t2\t1\n")
    assert run_experiment(path, progress=False).n_failed == 0


def test_repeated_rows_are_reported_and_recorded(experiment_file, caplog):
    path = experiment_file()
    train = path.parents[1] / "data" / "tiny" / "train.txt"
    train.write_text(train.read_text() * 2)
    n_rows = len(train.read_text().splitlines())
    results = run_experiment(path, progress=False)
    assert any(message.startswith(f"train: {n_rows // 2} ") for message in caplog.messages)
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert manifest["data"]["splits"]["train"]["duplicates"] == n_rows // 2
