"""The headline says what the tests say, and the page names what weakens a comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from studies import make_data, make_study
from test_reporting_html import Page, finished, p_values, render, says, study
from tiny_experiment import Write, change, settings

from mmrec.config import read_experiment
from mmrec.errors import ConfigError
from mmrec.experiment import run_experiment
from mmrec.planning.plan import make_plan
from mmrec.reporting.cautions import of_comparison, of_model
from mmrec.reporting.report_data import ReportData
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study


def early(record: TrialRecord) -> TrialRecord:
    """The same trial with a further, worse epoch."""
    later = {**record.history[-1], "epoch": 6, "validation": {"Recall@20": 0.0, "nDCG@20": 0.0}}
    losses = [*record.losses, 0.1, 0.1]
    parameters = record.parameters | {"epochs": 6}
    return replace(record, history=[*record.history, later], losses=losses, parameters=parameters)


def pair(on_test: float = 0.1, on_rival: float = 0.05) -> list[Study]:
    """A, the best by validation, and B, with test values of users around these means."""
    studies = [study(finished(0, 0.3), name="A"), study(finished(1, 0.2), name="B")]
    noise = np.linspace(-0.1, 0.1, 40)
    for one, mean, values in zip(
        studies, (on_test, on_rival), (noise, noise[::-1] * 0.9), strict=True
    ):
        assert one.best is not None
        one.best.test["Recall@20"] = mean
        one.best_per_user["Recall@20"] = mean + values
    return studies


def test_a_significant_lead() -> None:
    page = Page(render(pair(0.5, 0.1)))
    assert says(page, "lead over B", "0.1000", "is significant", "p < 0.0001", "over users", "Holm")


def test_a_lead_that_is_not_significant() -> None:
    data = make_data(pair(0.11, 0.1))
    assert data.lead is not None
    assert data.lead.is_ahead
    assert not data.lead.is_significant
    assert says(Page(render(pair(0.11, 0.1))), "lead over B", "is not significant")


def test_another_model_that_is_ahead_on_test_is_named() -> None:
    page = Page(render(pair(0.1, 0.5)))
    assert says(page, "A is the best of 2 models", "validation Recall@20")
    assert says(page, "B is ahead on test", "0.5000")
    assert says(page, "the difference is significant")


def test_equal_test_values() -> None:
    assert says(Page(render(pair(0.1, 0.1))), "B reaches the same Recall@20 on test")


def test_without_values_of_users_the_lead_is_not_tested() -> None:
    studies = [study(finished(0, 0.3), name="A"), study(finished(1, 0.2), name="B")]
    assert says(Page(render(studies)), "lead over B", "not tested")


def test_the_tests_of_the_experiment_count_and_all_have_to_agree() -> None:
    studies = pair(0.11, 0.1)
    names = [one.best.name for one in studies if one.best is not None]
    assert says(Page(render(studies, p_values(*names))), "lead over B", "p < 0.0001")
    weak = p_values(*names).assign(p_holm=0.2)
    assert says(Page(render(studies, weak)), "is not significant", "p = 0.2000")


def test_a_test_with_the_other_model_ahead_does_not_make_the_lead_significant() -> None:
    seeds = {"A": (0.1, 0.9, 0.9), "B": (0.2, 0.3, 0.3)}  # the first trial of B is better
    studies = []
    for number, (name, values) in enumerate(seeds.items()):
        trials = [finished(10 * number + n, x, seed=n) for n, x in enumerate(values)]
        studies.append(make_study(trials, name=name, points=[trials]))
    names = [one.best_trials[0].name for one in studies]
    over_users = p_values(*names).assign(mean_a=0.09, mean_b=0.19)
    assert says(Page(render(studies, over_users)), "lead over B", "is not significant")


def test_one_model_has_no_lead() -> None:
    assert make_data(pair()[:1]).lead is None
    assert "lead over" not in Page(render(pair()[:1])).words


def comparison(*studies: Study) -> str:
    return " / ".join(of_comparison(make_data(studies)))


def test_models_that_were_selected_by_different_figures() -> None:
    one, other = study(finished(0, 0.3), name="A"), study(finished(1, 0.2), name="B", by="nDCG@20")
    text = comparison(one, other)
    assert "validation Recall@20 (A); validation nDCG@20 (B)" in text
    assert "validation_metric" in text
    page = Page(render([one, other]))
    assert "Results: the models were selected by different figures" in page.words
    assert comparison(one, study(finished(1, 0.2), name="B")) == ""


def test_unequal_numbers_of_points() -> None:
    many = study(finished(0, 0.3, lr=0.1), finished(1, 0.2, lr=0.2), name="A")
    assert "A 2, B 1" in comparison(many, study(finished(2, 0.1), name="B"))
    fixed = study(replace(finished(2, 0.1), parameters={"seed": 1}), name="MostPop")
    assert comparison(many, fixed) == ""  # it has nothing to search
    drawn = study(
        replace(finished(2, 0.1), parameters={"seed": 1, "random_seed": None}), name="Random"
    )
    lists = study(replace(finished(2, 0.1), parameters={"seed": 1, "file": "a.tsv"}), name="a")
    of_folder = replace(lists, settings=replace(lists.settings, key="RecommendationFolder"))
    assert comparison(many, fixed, drawn, of_folder) == ""


def test_models_of_an_experiment_that_have_nothing_to_search(experiment_file) -> None:
    path = experiment_file(
        {"MostPop": {}, "Random": {}, "LightGCNM": settings(epochs=1, lr=[0.1, 0.01])}
    )
    data = ReportData.read(run_experiment(path, progress=False).folder)
    assert not any("numbers of points" in text for text in of_comparison(data))


def seeds(name: str, *values: float) -> Study:
    first = 0 if name == "A" else 50
    trials = [finished(first + n, x, seed=n) for n, x in enumerate(values)]
    return make_study(trials, name=name, points=[trials])


def test_a_lead_within_the_spread_over_seeds() -> None:
    text = comparison(seeds("A", 0.2, 0.4), seeds("B", 0.28, 0.3))
    assert "differ by 0.0100" in text
    assert "A 0.1414, B 0.0141" in text
    assert comparison(seeds("A", 0.4, 0.41), seeds("B", 0.28, 0.3)) == ""


def test_different_numbers_of_seeds() -> None:
    several, one = seeds("A", 0.4, 0.41), seeds("B", 0.1)
    assert "A 2 seeds, B 1 trial" in comparison(several, one)
    for key, is_warned in (("MostPop", False), ("iALS", True), ("RecommendationFolder", False)):
        other = replace(one, settings=replace(one.settings, key=key))
        assert ("1 trial" in comparison(several, other)) == is_warned, key
    permuted = seeds("B", 0.1)
    assert permuted.best is not None
    permuted.best.parameters["control"] = "permute"
    content = replace(permuted, settings=replace(permuted.settings, key="ItemKNNCBF"))
    assert "1 trial" in comparison(several, content)


def model(one: Study) -> str:
    return " / ".join(of_model(one))


def test_a_best_epoch_that_is_the_last_one() -> None:
    records = [finished(0, 0.3, lr=0.2), early(finished(1, 0.2, lr=0.1))]
    assert "1 of 2 trials, the selected one too" in model(study(*records))
    records = [early(finished(0, 0.3, lr=0.2)), finished(1, 0.2, lr=0.1)]
    assert "1 of 2 trials: " in model(study(*records))
    stopped = replace(finished(0, 0.3), parameters={"epochs": 9, "seed": 1})
    assert model(study(stopped)) == ""  # by early stopping
    assert model(study(early(finished(0, 0.3)))) == ""
    page = Page(render([study(finished(0, 0.3))]))
    assert "M: the best epoch is the last one in 1 of 1 trials" in page.words


@pytest.mark.parametrize(
    ("best", "expected"),
    [(0.001, "the smallest"), (0.01, ""), (0.1, "the largest")],
)
def test_a_best_value_at_the_edge_of_its_grid(best: float, expected: str) -> None:
    values = (0.001, 0.01, 0.1)
    records = [early(finished(n, 0.3 if x == best else 0.2, lr=x)) for n, x in enumerate(values)]
    text = model(study(*records, searched=("lr",)))
    assert expected in text
    assert bool(text) == bool(expected)


def test_no_edge_below_zero_or_of_names() -> None:
    records = [early(finished(n, 0.3 - n / 10, lr=n, kind="ab"[n])) for n in range(2)]
    assert model(study(*records, searched=("lr", "kind"))) == ""


def controlled(own: list[float], permuted: list[float]) -> Study:
    points = [
        [
            early(finished(10 * n + seed, x, seed=seed, control=control, modalities=["visual"]))
            for seed, x in enumerate(values)
        ]
        for n, (control, values) in enumerate({"none": own, "permute": permuted}.items())
    ]
    records = [record for trials in points for record in trials]
    return make_study(records, searched=("control",), points=points)


def test_a_control_that_is_as_good() -> None:
    assert "visual: Recall@20 is 0.4000 " in model(controlled([0.3], [0.4]))
    assert "0.3000 with the items' own" in model(controlled([0.3], [0.3]))
    assert model(controlled([0.4], [0.3])) == ""
    assert "standard deviation of 0.1414" in model(controlled([0.3, 0.5], [0.35, 0.36]))
    assert model(controlled([0.49, 0.5], [0.35, 0.36])) == ""


# One key for all models


def test_one_key_sets_the_figure_of_all_models_that_name_none(experiment_file) -> None:
    models = {"MostPop": {}, "Random": {"meta": {"validation_metric": "nDCG@5"}}}
    plan = make_plan(read_experiment(experiment_file(models, validation_metric="Recall@5")))
    assert [one.select_by for one in plan.models] == ["Recall@5", "nDCG@5"]


def test_a_figure_that_is_not_computed_is_refused_once(experiment_file) -> None:
    path = experiment_file({"MostPop": {}, "Random": {}}, validation_metric="Recall@7")
    with pytest.raises(ConfigError) as caught:
        make_plan(read_experiment(path))
    assert str(caught.value).count("Recall@7") == 1
    assert "experiment.validation_metric" in str(caught.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_model_warns_about_is_in_the_report(experiment_file: Write, workers: int) -> None:
    path = experiment_file({"EASER": {"l2_norm": [1.0, 10.0]}})
    train = path.parent.parent / "data" / "tiny" / "train.txt"
    train.write_text(train.read_text().replace("\t1\n", "\t4\n"))
    for implicit in (False, True):
        change(path, models={"EASER": {"l2_norm": [1.0, 10.0], "implicit": implicit}})
        results = run_experiment(path, progress=False, workers=workers)
        page = (results.folder / "report.html").read_text()
        assert page.count("the ratings are not all 1") == (not implicit)
