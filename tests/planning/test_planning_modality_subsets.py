"""``modalities: each_subset``: what is tried, what comes of it, and what is refused."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from helpers import assert_contains
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.errors import ConfigError
from mmrec.experiment import run_experiment
from mmrec.planning.modality_subsets import declared_modalities, subsets
from mmrec.planning.plan import make_plan

ALONE_AND_BOTH = [("visual",), ("textual",), ("visual", "textual")]
PATHS = {"Visual": "image_feat", "Textual": "text_feat", "Audio": "text_feat"}


def side_information(*modalities: str) -> list[dict[str, str]]:
    return [
        {
            "dataloader": f"{name}Attribute",
            f"{name.lower()}_features": f"../data/{{0}}/{PATHS[name]}",
        }
        for name in modalities
    ]


def searched(path: Path) -> list[tuple[str, ...]]:
    (model,) = make_plan(read_experiment(path)).models
    assert model.searched == ("modalities",)
    return [tuple(point["modalities"]) for point in model.points or ()]


def ablated(write: Write, *declared: str, **changes: object) -> Path:
    data = {
        "strategy": "fixed",
        "train_path": "../data/{0}/train.txt",
        "test_path": "../data/{0}/test.txt",
        "side_information": side_information(*declared),
    }
    entry = settings(modalities="each_subset") | changes
    return write({"LightGCNM": entry}, data_config=data)


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        make_plan(read_experiment(path))
    return str(error.value).removeprefix(f"{path}:")


@given(st.lists(st.sampled_from("abcdef"), unique=True, max_size=6))
def test_every_subset_is_there_once_by_size_then_order(modalities: list[str]) -> None:
    made = subsets(modalities)
    assert len({frozenset(subset) for subset in made}) == len(made) == 2 ** len(modalities) - 1
    places = [tuple(modalities.index(name) for name in subset) for subset in made]
    assert all(places)
    assert all(one == tuple(sorted(one)) for one in places)
    assert all((len(a), a) < (len(b), b) for a, b in pairwise(places))


def test_the_data_say_which_modalities_in_their_order(experiment_file: Write) -> None:
    assert searched(ablated(experiment_file, "Visual", "Textual")) == ALONE_AND_BOTH
    assert searched(ablated(experiment_file, "Textual", "Visual"))[-1] == ("textual", "visual")
    assert len(searched(ablated(experiment_file, "Audio", "Visual", "Textual"))) == 7
    assert searched(ablated(experiment_file, "Audio")) == [("audio",)]
    loaders = ["Mine", "AudioAttribute", "VisualAttribute", "AudioAttribute"]
    assert declared_modalities(loaders) == ("audio", "visual")


def test_it_plans_what_the_written_out_list_plans(experiment_file: Write) -> None:
    def planned(modalities: object) -> list[dict[str, object]]:
        entry = {"modalities": modalities, "lr": [0.1, 0.01], "control": ["none", "permute"]}
        path = experiment_file({"LATTICE": settings(**entry)})
        (model,) = make_plan(read_experiment(path)).models
        return [dict(point) for point in model.points or ()]

    written = planned([list(subset) for subset in ALONE_AND_BOTH])
    assert len(written) == 12
    assert planned("each_subset") == planned(["each_subset"]) == written


@pytest.mark.parametrize("algorithm", ["rand", "tpe"])
def test_other_algorithms_search_it_too(experiment_file: Write, algorithm: str) -> None:
    meta = {"hyper_opt_alg": algorithm, "hyper_max_evals": 20}
    entry = settings(modalities="each_subset", epochs=1, meta=meta)
    results = run_experiment(experiment_file({"LightGCNM": entry}), progress=False)
    assert sorted(results.trials["modalities"]) == ["textual", "visual", "visual, textual"]


def test_tables_name_the_modalities_of_every_trial(experiment_file: Write) -> None:
    entry = settings(modalities="each_subset", epochs=1, control=["none", "permute"])
    path = experiment_file({"LightGCNM": entry, "MostPop": {}})
    results = run_experiment(path, progress=False)
    performance = path.parents[1] / "results/tiny/performance"
    (table,) = performance.glob("rec_LightGCNM_cutoff_5_*.tsv")
    rows = pd.read_csv(table, sep="\t")
    expected = {(", ".join(s), c) for s in ALONE_AND_BOTH for c in ("none", "permute")}
    assert {(r.modalities, r.control) for r in rows.itertuples()} == expected
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert "each_subset" in json.dumps(manifest)
    assert "visual, textual" in (results.folder / "report.html").read_text()
    assert main(["verify", "--quiet", str(results.folder)]) == 0


def test_loaders_cannot_be_combined_with_it(experiment_file: Write) -> None:
    path = ablated(experiment_file, "Visual", "Textual", loaders="('VisualAttribute')", lr=-1)
    reported = refused(path)
    assert reported.count("\n") == 1  # beside the learning rate, nothing that only follows from it
    line = next(n for n, t in enumerate(path.read_text().splitlines(), 1) if "each_subset" in t)
    assert_contains(
        reported,
        [
            "experiment.models.LightGCNM.lr: found -1",
            f"{line}: experiment.models.LightGCNM.modalities: each_subset ",
            "[[visual, textual], [visual, audio]]",
        ],
    )


@pytest.mark.parametrize(
    "written",
    ["each_subsets", "Each_Subset", "eachsubset", ["each_subest"], "each_subset('visual', 'mine')"],
)
def test_a_misspelling_is_reported_with_the_right_word(
    experiment_file: Write, written: object
) -> None:
    reported = refused(ablated(experiment_file, "Audio", modalities=written))
    assert_contains(
        reported, ["LightGCNM.modalities: found ", "'each_subset'", "accepted: each_subset"]
    )
    assert "\n" not in reported


def test_a_modality_of_ones_own_is_no_misspelling(experiment_file: Write) -> None:
    changes = {"modalities": "subset", "loaders": "AudioAttribute"}
    (model,) = make_plan(read_experiment(ablated(experiment_file, "Audio", **changes))).models
    assert model.space.constants["modalities"] == ("subset",)


def test_there_has_to_be_a_modality(experiment_file: Write) -> None:
    reported = refused(ablated(experiment_file))
    assert_contains(reported, ["each_subset", "side_information"])
    assert_contains(reported, ["VisualAttribute, TextualAttribute, AudioAttribute"])
    assert "\n" not in reported


def test_only_models_that_read_features_know_it(experiment_file: Write) -> None:
    path = experiment_file({"MostPop": {"modalities": "each_subset"}})
    assert_contains(refused(path), ["MostPop.modalities: "])


def test_the_frame_s_problems_are_not_reported_twice(experiment_file: Write) -> None:
    path = experiment_file({"LightGCNM": settings(modalities="each_subset")}, gpu="first")
    assert "gpu" in refused(path)
    assert "modalities" not in refused(path)
