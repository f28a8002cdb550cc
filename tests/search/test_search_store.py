"""The record of the trials: whatever a message says and wherever a line was torn."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers import refusal
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import Write, settings

from mmrec import run_experiment
from mmrec.errors import DataError
from mmrec.search import TrialRecord, TrialStore
from mmrec.verify import verify_run


def record(index: int, error: str) -> TrialRecord:
    return TrialRecord(f"id{index}", f"name{index}", "M", index, {}, "failed", error=error)


@given(messages=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_records_come_back_whatever_their_texts(
    tmp_path_factory: pytest.TempPathFactory, messages: list[str]
) -> None:
    store = TrialStore(tmp_path_factory.mktemp("store") / "trials.jsonl")
    records = [record(index, f"a{message}\u2028b\x85c") for index, message in enumerate(messages)]
    for each in records:
        store.append(each)
    assert store.read() == records


def test_a_line_may_be_torn_at_any_byte(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "trials.jsonl")
    first, second, third = (record(index, "größer \u2028 \N{SNOWMAN}") for index in range(3))
    store.append(first)
    whole = store.path.read_bytes()
    line = second.to_json().encode()
    for end in range(len(line)):
        store.path.write_bytes(whole + line[:end])
        assert store.read() == [first]
        store.append(third)
        assert store.read() == [first, third]


def test_records_of_another_version_are_refused_with_a_way_on(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "trials.jsonl")
    store.path.write_text(json.dumps({"trial_id": "x", "colour": "red"}) + "\n")
    message = refusal(DataError, store.read)
    assert re.match(r".*trials\.jsonl: is of another version of mmrec .*'colour'.*--fresh", message)


def test_a_run_with_an_odd_message_of_failure_is_verified(experiment_file: Write) -> None:
    models = {"external.Odd": settings(lr=[0.01, 0.02]), "MostPop": {}}
    path = experiment_file(models, external_models_path="mine.py")
    (path.parent / "mine.py").write_text(
        "from mmrec.models import LightGCNM\n"
        "class Odd(LightGCNM):\n"
        "    def __init__(self, config, dataset):\n"
        "        raise OSError('no such file: \\udcfc.npy\\u2028\\x85\\n\\tnor another')\n"
    )
    results = run_experiment(path, progress=False)
    assert results.trials["status"].tolist() == ["failed", "failed", "finished"]
    assert verify_run(results.folder).is_identical
