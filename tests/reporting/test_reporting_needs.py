"""What a run says that it needs, before its first trial; and that nothing depends on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_experiment import Write, settings

from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore
from mmrec.search import forecast

GRID = settings(factors=[4, 8], meta={"validation_rate": 2})
EXTERNAL = """
import torch
from mmrec.models import Recommender, RecommenderConfig

class Wrong(Recommender):
    def __init__(self, config, dataset):
        self.n_items = dataset.n_items
    def scorer(self):
        return lambda users: torch.zeros(len(users), self.n_items)
    @classmethod
    def footprint(cls, config, shape):
        raise RuntimeError("no idea")
"""


def run(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Results, list[str]]:
    """Return the results, and what the outline says of the needs."""
    results = run_experiment(path)
    lines = capsys.readouterr().err.splitlines()
    assert lines.count("needs") == 1
    first = lines.index("needs") + 1
    n_told = next(n for n, line in enumerate(lines[first:]) if not line.startswith("  "))
    return results, [line.strip() for line in lines[first : first + n_told]]


def set_seconds(folder: Path, **seconds: float) -> None:
    """Let the trials of each model have taken so long."""
    path = folder / "trials.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [json.dumps(record | {"seconds": seconds[record["model"]]}) for record in records]
    path.write_text("\n".join(lines) + "\n")


def test_times_are_those_of_the_trials_before(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = experiment_file({"MostPop": {}, "LightGCNM": GRID})
    first, told = run(path, capsys)
    assert told[0].startswith("MostPop    0.33 GiB of memory for a trial; 1 evaluation")
    assert told[1].startswith("LightGCNM  0.42 GiB of memory for a trial; ")
    assert told[1].endswith("; 32 steps and 4 evaluations")
    assert told[2].startswith("time not known: no earlier run here had such trials; ")
    set_seconds(first.folder, MostPop=2.0, LightGCNM=30.0)
    second, told = run(path, capsys)
    assert [line.rpartition("; ")[2] for line in told] == [
        "about 2 s",
        "about 1 min 0 s",
        f"about 1 min 2 s in all, going by the trials of {first.folder.name}",
    ]
    assert digests(first) == digests(second)


@pytest.mark.slow
def test_epochs_are_counted_and_a_new_size_is_not_known(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = run(experiment_file({"MostPop": {}, "LightGCNM": GRID}), capsys)
    set_seconds(first.folder, MostPop=2.0, LightGCNM=30.0)
    longer = GRID | {"epochs": 6, "lr": 0.5, "factors": 8}  # costs as much, for half as long again
    _, told = run(experiment_file({"LightGCNM": longer}), capsys)
    assert told[0].endswith("; about 45 s")
    _, told = run(experiment_file({"MostPop": {}, "LightGCNM": GRID | {"factors": 16}}), capsys)
    assert told[2].startswith("time not known for LightGCNM: ")
    assert told[0].endswith("; about 2 s")


def digests(results: Results) -> list[tuple[str | None, str | None]]:
    records = TrialStore(results.folder / "trials.jsonl").read()
    return [(record.weights_sha256, record.lists_sha256) for record in records]


@pytest.mark.parametrize(
    "changed",
    [
        {"evaluation": {"simple_metrics": ["Recall"], "cutoffs": [3]}},
        {"data_config": None},
        {"execution": {"threads": 2}},
        {"models": {"LightGCNM": settings(meta={"validation_rate": 1})}},
        {"models": {"LightGCNM": settings(early_stopping={"patience": 1})}},
    ],
    ids=["protocol", "data", "machine", "validation_rate", "early_stopping"],
)
def test_other_conditions_say_nothing_of_the_time(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict
) -> None:
    trained = "models" in changed
    models = {"LightGCNM": settings(meta={"validation_rate": 2})} if trained else {"MostPop": {}}
    run(experiment_file(models), capsys)
    if "data_config" in changed:
        train = tmp_path / "data/tiny/train.txt"
        train.write_text("".join(train.read_text().splitlines(keepends=True)[1:]))
        changed = {}
    _, told = run(experiment_file(changed.pop("models", models), **changed), capsys)
    assert told[-1].startswith("time not known")


def test_damage_beside_it_and_a_wrong_footprint_do_no_harm(
    experiment_file: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = run(experiment_file({"MostPop": {}}), capsys)
    (first.folder / "trials.jsonl").write_text("{}\n")
    again, told = run(experiment_file({"MostPop": {}}), capsys)
    assert told[-1].startswith("time not known")
    (again.folder / "manifest.json").write_text('{"schema_version": 1}')
    run(experiment_file({"MostPop": {}}), capsys)
    (tmp_path / "own.py").write_text(EXTERNAL)
    models = {"external.Wrong": {}, "MostPop": {}}
    results = run_experiment(experiment_file(models, external_models_path="../own.py"))
    assert "needs" not in capsys.readouterr().err.splitlines()
    assert list(results.trials["status"]) == ["finished", "finished"]
    assert (
        "what the run needs is not known: RuntimeError: no idea"
        in (results.folder / "run.log").read_text()
    )


def test_too_little_memory_is_told(
    experiment_file: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "available_memory", lambda device: 1 << 20)
    _, told = run(experiment_file({"MostPop": {}}), capsys)
    assert told[-1] == "not enough: MostPop: needs 0.33 GiB of memory, but 0.00 GiB are free"


def test_quiet_tells_nothing_but_in_the_log(
    experiment_file: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    results = run_experiment(experiment_file(), progress=False)
    assert capsys.readouterr() == ("", "")
    log = (results.folder / "run.log").read_text()
    assert "MostPop  0.33 GiB of memory for a trial; 1 evaluation" in log
