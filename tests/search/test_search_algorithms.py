"""Grid, random and TPE search: which points they try, in which batches, and that they repeat it."""

from __future__ import annotations

import itertools
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, assert_contains, assert_repeated_elsewhere
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import settings

from mmrec.config import Choice, Distribution, Problems, Space, parse_space, read_experiment
from mmrec.config.distributions import distribution
from mmrec.data.demo import write_demo
from mmrec.errors import ConfigError
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import make_plan
from mmrec.planning.points import sample_points
from mmrec.runs.identity import RunIdentity
from mmrec.runs.selection import EpochView, PointView, ValidationView
from mmrec.search.algorithms import ListedSearch, make_search
from mmrec.search.tpe import TpeSearch
from mmrec.seeding import rng_for
from mmrec.training.objective import Objective

Point = Mapping[str, Any]
RECALL = Objective("Recall@5", higher_is_better=True)
DISTRIBUTIONS = {
    "randint": ("randint", [2, 6]),
    "uniform": ("uniform", [-5, 5]),
    "quniform": ("quniform", [0, 10, 0.5]),
    "loguniform": ("loguniform", [-8, -2]),
    "qloguniform": ("qloguniform", [0, 3, 2]),
    "normal": ("normal", [1, 2]),
    "qnormal": ("qnormal", [0, 3, 0.25]),
    "lognormal": ("lognormal", [-2, 0.5]),
    "qlognormal": ("qlognormal", [1, 0.5, 0.5]),
}
EVERYTHING = {name: distribution(*given) for name, given in DISTRIBUTIONS.items()} | {
    "words": Choice(("one", "two", "three")),
    "tuples": Choice(((64, 64), (32,), ())),
    "mixed": Choice((1, 1.0, True, None, "1")),
}
SPACE = Space((*EVERYTHING, "fixed"), {"fixed": "same"}, EVERYTHING)


def view(value: float | None, status: str = "finished", epoch: int = 1) -> PointView:
    epochs = () if value is None else (EpochView(epoch, value, {"Recall@5": value}),)
    return PointView((ValidationView(status, epoch, epochs),))  # type: ignore[arg-type]


def tpe(space: Space = SPACE, **changes: Any) -> TpeSearch:
    options: dict[str, Any] = {
        "limit": 24,
        "batch": 4,
        "seed": (42, "M"),
        "is_valid": lambda point: True,
    }
    return TpeSearch(space, changes.pop("objective", RECALL), **(options | changes))


def batches_of(search: Any, judge: Callable[[Point], PointView]) -> list[list[Point]]:
    """Let a search go on to its end."""
    batches: list[list[Point]] = []
    seen: list[PointView] = []
    while batch := search.next(seen):
        batches.append(batch)
        seen += map(judge, batch)
    return batches


def points_of(search: Any, judge: Callable[[Point], PointView]) -> list[Point]:
    return [point for batch in batches_of(search, judge) for point in batch]


def bowl(point: Point) -> PointView:
    """Best where lr is exp(-5) and the other number 1."""
    return view(-((math.log(point["loguniform"]) + 5) ** 2) - (point["normal"] - 1) ** 2)


def model_plan(path: Path) -> ModelPlan:
    return make_plan(read_experiment(path)).models[0]


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        make_plan(read_experiment(path))
    return str(error.value)


# Grid and random search


def test_a_grid_is_one_batch_in_the_order_of_the_file(experiment_file):
    entry = settings(lr=[0.02, 0.01], n_layers=[2, 0, 1])
    model = model_plan(experiment_file({"LightGCNM": entry}))
    (batch,) = batches_of(make_search(model), bowl_of_nothing)
    assert [(p["lr"], p["n_layers"]) for p in batch] == list(
        itertools.product([0.02, 0.01], [2, 0, 1])
    )
    assert model.n_points == model.n_trials == 6


def bowl_of_nothing(point: Point) -> PointView:
    return view(0.0)


def test_hyper_max_evals_cuts_a_grid(experiment_file):
    entry = settings(lr=[0.02, 0.01], n_layers=[2, 0, 1], meta={"hyper_max_evals": 4})
    model = model_plan(experiment_file({"LightGCNM": entry}))
    assert [(p["lr"], p["n_layers"]) for p in model.points or ()] == [
        (0.02, 2),
        (0.02, 0),
        (0.02, 1),
        (0.01, 2),
    ]


def test_random_points_come_from_the_seed_of_search_and_model(experiment_file):
    meta = {"hyper_opt_alg": "rand", "hyper_max_evals": 5}
    entry = settings(lr=["loguniform", -6, -3], n_layers=[0, 1, 2], meta=meta)
    model = model_plan(experiment_file({"LightGCNM": entry}, random_seed=9))
    rng = rng_for(9, "search", "LightGCNM")
    for point in model.points or ():
        assert point["lr"] == math.exp(rng.uniform(-6, -3))
        assert point["n_layers"] == (0, 1, 2)[rng.integers(3)]
    assert len(points_of(make_search(model), bowl_of_nothing)) == 5


def test_a_pruner_cuts_a_list_into_batches(experiment_file):
    meta = {"pruner": "median", "hyper_batch": 4}
    entry = settings(lr=[0.02, 0.01], n_layers=[2, 0, 1], meta=meta)
    model = model_plan(experiment_file({"LightGCNM": entry}))
    batches = batches_of(make_search(model), bowl_of_nothing)
    assert [len(batch) for batch in batches] == [4, 2]
    assert list(itertools.chain(*batches)) == list(model.points or ())


@given(st.integers(0, 30), st.integers(1, 7))
def test_a_list_is_complete_whatever_the_batch(n: int, batch: int) -> None:
    listed: list[Point] = [{"x": x} for x in range(n)]
    assert points_of(ListedSearch(listed, batch), bowl_of_nothing) == listed


# Distributions through their quantiles


@given(st.sampled_from(sorted(DISTRIBUTIONS)), st.floats(0, 1))
def test_every_quantile_lies_within_the_bounds_and_is_typed(name: str, share: float) -> None:
    value = EVERYTHING[name].at(share)  # type: ignore[union-attr]
    assert type(value) is (int if name == "randint" else float)
    assert math.isfinite(value)
    step = {"quniform": 0.5, "qloguniform": 2, "qnormal": 0.25, "qlognormal": 0.5}.get(name, 0)
    low, high = {
        "randint": (2, 5),
        "uniform": (-5, 5),
        "quniform": (0, 10),
        "loguniform": (math.exp(-8), math.exp(-2)),
        "qloguniform": (1, math.exp(3)),
        "normal": (1 - 2 * 8.3, 1 + 2 * 8.3),
        "qnormal": (-3 * 8.3, 3 * 8.3),
        "lognormal": (0, math.exp(-2 + 0.5 * 8.3)),
        "qlognormal": (0, math.exp(1 + 0.5 * 8.3)),
    }[name]
    assert low - step / 2 <= value <= high + step / 2
    if step:
        assert value == round(value / step) * step


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_those_of_the_draws(name: str) -> None:
    axis = EVERYTHING[name]
    assert isinstance(axis, Distribution)
    rng = np.random.default_rng(0)
    draws = np.array([axis.draw(rng) for _ in range(4000)])
    shares = np.linspace(0, 1, 4001)
    quantiles = np.array([axis.at(share) for share in shares])
    assert (np.diff(quantiles) >= 0).all()
    for value in np.unique(draws)[:: max(1, len(np.unique(draws)) // 50)]:
        assert (draws <= value).mean() == pytest.approx((quantiles <= value).mean(), abs=0.035)


def test_quantiles_by_hand() -> None:
    assert distribution("uniform", [-5, 5]).at(0.3) == -2.0
    assert distribution("loguniform", [-8, -2]).at(0.5) == math.exp(-5)
    assert distribution("quniform", [0, 10, 2]).at(0.45) == 4.0
    assert [distribution("randint", [2, 6]).at(x) for x in (0, 0.24, 0.25, 0.99, 1)] == [
        *(2, 2, 3, 5, 5)
    ]
    # The upper quartile of a standard normal distribution is 0.6745.
    assert distribution("normal", [1, 2]).at(0.75) == pytest.approx(1 + 2 * 0.67448975)
    assert distribution("lognormal", [0, 1]).at(0.5) == 1.0


# TPE


def test_tpe_stays_within_every_dimension_and_types_it() -> None:
    points = points_of(tpe(), bowl)
    assert len(points) == 24
    for point in points:
        assert list(point) == [*EVERYTHING, "fixed"]
        assert point["fixed"] == "same"
        assert point["tuples"] in ((64, 64), (32,), ())
        assert type(point["randint"]) is int
        assert 2 <= point["randint"] < 6
        assert math.exp(-8) <= point["loguniform"] <= math.exp(-2)
        assert type(point["quniform"]) is float
        assert (point["quniform"] * 2).is_integer()
    # 1, 1.0, True, None and "1" are different options.
    more = [point for seed in range(4) for point in tpe(batch=12, seed=(seed, "M")).next([])]
    assert len({repr(point["mixed"]) for point in more}) == 5


def test_tpe_comes_in_batches_of_one_size_up_to_its_limit() -> None:
    assert [len(batch) for batch in batches_of(tpe(limit=10), bowl)] == [4, 4, 2]
    assert [len(batch) for batch in batches_of(tpe(limit=3), bowl)] == [3]


def test_tpe_repeats_its_proposals() -> None:
    assert points_of(tpe(), bowl) == points_of(tpe(), bowl)
    assert points_of(tpe(), bowl) != points_of(tpe(seed=(43, "M")), bowl)
    assert points_of(tpe(), bowl)[:4] != points_of(tpe(seed=(42, "N")), bowl)[:4]


def test_a_batch_depends_on_the_earlier_figures_alone() -> None:
    """Shown at once what was seen before, as after an interruption, tpe goes on the same way."""
    whole = batches_of(tpe(), bowl)
    resumed = tpe()
    seen: list[PointView] = []
    for batch in whole[:3]:
        assert resumed.next(seen) == batch
        seen += map(bowl, batch)
    assert resumed.next(seen) == whole[3]
    assert batches_of(tpe(), lambda point: view(point["uniform"]))[:1] == whole[:1]
    assert batches_of(tpe(), lambda point: view(point["uniform"]))[3] != whole[3]


def test_tpe_proposes_the_same_in_processes_of_other_hash_seeds() -> None:
    program = (
        "import json, sys; sys.path[:0] = sys.argv[1:]\n"
        "import test_search_algorithms as t\n"
        "print(json.dumps(t.points_of(t.tpe(), t.bowl)))"
    )
    assert_repeated_elsewhere(program, Path(__file__).parent, ROOT / "tests")


def test_tpe_learns_and_knows_its_direction() -> None:
    space = Space(
        ("loguniform", "normal"),
        {},
        {name: EVERYTHING[name] for name in ("loguniform", "normal")},
    )

    def misses(points: Sequence[Point]) -> float:
        return float(np.mean([-(bowl(p).value(RECALL) or 0) for p in points]))

    points = points_of(tpe(space, limit=40), bowl)
    assert misses(points[-12:]) < 0.5 * misses(points[:12])
    # Less is better, of the negative figures: the same search.
    loss = Objective("loss", higher_is_better=False)
    mirrored = tpe(space, limit=40, objective=loss)
    assert points_of(mirrored, lambda p: view(-(bowl(p).value(RECALL) or 0))) == points


def test_a_finite_space_is_searched_completely_and_once() -> None:
    space = Space(
        ("ws", "cf", "seed"),
        {"seed": 1},
        {"ws": Choice(((64, 64), (32,))), "cf": Choice(("lightgcn", "ngcf", "mf"))},
    )
    search = tpe(space, limit=space.size)
    points = points_of(search, lambda point: view(len(point["cf"])))
    assert sorted(map(repr, points)) == sorted(map(repr, space.grid()))


def test_what_the_model_does_not_accept_is_passed_over() -> None:
    points = points_of(tpe(is_valid=lambda point: point["uniform"] > 0), bowl)
    assert len(points) == 24
    assert all(point["uniform"] > 0 for point in points)


def test_tpe_ends_when_there_is_nothing_new() -> None:
    space = Space(("n",), {}, {"n": distribution("randint", [3])})
    points = points_of(tpe(space, limit=10), lambda point: view(point["n"]))
    assert sorted(point["n"] for point in points) == [0, 1, 2]


def test_optuna_knows_failed_and_pruned_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import optuna

    reported: list[Any] = []
    add = optuna.Study.add_trial
    monkeypatch.setattr(
        optuna.Study, "add_trial", lambda self, trial: (reported.append(trial), add(self, trial))
    )
    search = tpe()
    search.next([])
    outcomes = [view(0.5), view(None, "failed"), view(0.25, "pruned", 6), view(math.nan)]
    search.next(outcomes)
    assert [trial.state.name for trial in reported] == ["COMPLETE", "FAIL", "PRUNED", "FAIL"]
    assert reported[0].value == 0.5
    assert reported[2].intermediate_values == {6: 0.25}


def test_optuna_is_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    import optuna

    level = optuna.logging.get_verbosity()
    points_of(tpe(limit=8), bowl)
    assert optuna.logging.get_verbosity() == level
    assert capsys.readouterr() == ("", "")


# Plans


def test_tpe_of_a_finite_space_needs_no_number(experiment_file):
    entry = settings(lr=[0.01, 0.02], n_layers=[0, 1, 2], meta={"hyper_opt_alg": "TPE"})
    model = model_plan(experiment_file({"LightGCNM": entry}))
    assert (model.points, model.n_points) == (None, 6)
    entry["meta"]["hyper_max_evals"] = 100
    assert model_plan(experiment_file({"LightGCNM": entry})).n_points == 6
    entry["meta"]["hyper_max_evals"] = 4
    assert model_plan(experiment_file({"LightGCNM": entry})).n_points == 4


def test_tpe_without_a_dimension_is_one_trial(experiment_file):
    model = model_plan(experiment_file({"LightGCNM": settings(meta={"hyper_opt_alg": "tpe"})}))
    assert model.n_trials == 1


@pytest.mark.parametrize("algorithm", ["atpe", "mix", "anneal"])
def test_algorithms_that_are_not_supported(experiment_file, algorithm):
    entry = settings(lr=[0.01, 0.02], meta={"hyper_opt_alg": algorithm})
    message = refused(experiment_file({"LightGCNM": entry}))
    assert_contains(message, ["meta.hyper_opt_alg: ", f"'{algorithm}'", "tpe", "rand"])


def test_without_optuna_the_message_says_how_to_get_it(experiment_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    entry = settings(lr=[0.01, 0.02], meta={"hyper_opt_alg": "tpe"})
    message = refused(experiment_file({"LightGCNM": entry}))
    assert_contains(message, ["'tpe'", "optuna", ".[search]"])
    entry["meta"]["hyper_opt_alg"] = "rand"
    entry["meta"]["hyper_max_evals"] = 2
    make_plan(read_experiment(experiment_file({"LightGCNM": entry})))


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"lr": ["uniform", 0.1, 0.2]}, ["tpe", "hyper_max_evals"]),
        ({"lr": ["uniform", -1, 1], "evals": 4}, ["lr: found -1.0", "accepted: "]),
        ({"n_layers": ["uniform", 0, 3], "evals": 4}, ["n_layers: found 1.5", "accepted: "]),
        ({"lr": ["normal", -5, 1], "evals": 4}, ["lr: found -5"]),
        ({"aggregation": ["mean", "avg"]}, ["aggregation: found 'avg'"]),
        (
            {"epochs": ["quniform", 1, 8, 1], "evals": 4, "rate": 2},
            ["meta.validation_rate: found 2", "1 epoch"],
        ),
    ],
)
def test_what_tpe_would_propose_is_checked_before(experiment_file, changes, facts):
    meta = {"hyper_opt_alg": "tpe", "validation_rate": changes.pop("rate", 1)}
    if "evals" in changes:
        meta["hyper_max_evals"] = changes.pop("evals")
    message = refused(experiment_file({"LightGCNM": settings(meta=meta, **changes)}))
    assert_contains(message, ["models.LightGCNM", *facts])


def test_probes_are_few_for_a_large_space() -> None:
    found = list(sample_points(SPACE))
    assert len(found) == 3 * len(DISTRIBUTIONS) + 3 + 3 + 5
    assert {2, 5} <= {point["randint"] for point in found}
    assert len(sample_points(Space(("a",), {}, {"a": Choice(tuple(range(9)))}))) == 9


# Identity


def test_the_identity_is_known_before_the_trials(experiment_file):
    from mmrec.planning.datasets import load_datasets

    def identify(entry: dict[str, Any], **changes: Any) -> str:
        plan = make_plan(read_experiment(experiment_file({"LightGCNM": entry}, **changes)))
        return RunIdentity.of(plan, load_datasets(plan)).to_json()

    def entry(**changes: Any) -> dict[str, Any]:
        meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 4} | changes.pop("meta", {})
        return settings(lr=["loguniform", -6, -3], meta=meta) | changes

    same = identify(entry())
    assert identify(entry()) == same
    assert identify(entry(meta={"save_recs": True}), execution={"workers": 3}) == same
    assert identify(entry(), tracking=["csv"], report={"users": [1]}) == same
    others = [
        identify(entry(lr=["loguniform", -6, -2])),
        identify(entry(factors=16)),
        identify(entry(), random_seed=7),
        identify(entry(), top_k=6),
        identify(entry(early_stopping={"patience": 2})),
        *(
            identify(entry(meta=meta))
            for meta in (
                {"hyper_opt_alg": "rand"},
                {"hyper_max_evals": 5},
                {"hyper_batch": 2},
                {"pruner": "median"},
                {"validation_metric": "nDCG@5"},
                {"validation_rate": 2},
            )
        ),
    ]
    assert len({same, *others}) == 1 + len(others)
    grid = settings(lr=[0.01, 0.02])
    assert identify(grid) == identify(grid, random_seed=7)


def test_a_space_of_yaml_reaches_tpe(experiment_file):
    path = experiment_file({"LightGCNM": {}})
    written = {"lr": "loguniform(-8, -2)", "n_layers": ["randint", 4], "modalities": "('visual',)"}
    problems = Problems(read_experiment(path).document)
    space = parse_space(written, {"modalities"}, problems, ("x",))
    for point in points_of(tpe(space), lambda point: view(point["n_layers"])):
        assert point["modalities"] == ("visual",)
        assert point["n_layers"] in range(4)


@pytest.mark.parametrize(
    ("name", "n_trials"),
    [
        ("search_tpe.yml", 16),
        ("seeds.yml", 16),
        ("cross_validation.yml", 12),
        ("ablation.yml", 19),
    ],
)
def test_the_examples_are_valid(tmp_path, name, n_trials):
    write_demo(tmp_path / "data" / "demo")
    (tmp_path / "config_files").mkdir()
    path = shutil.copy(ROOT / "config_files" / name, tmp_path / "config_files")
    assert make_plan(read_experiment(path)).n_trials == n_trials
