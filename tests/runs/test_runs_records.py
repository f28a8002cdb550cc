"""The record of the trials: whatever a message says and wherever a line was torn."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from helpers import assert_contains, no_file_above, refusal
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import Write, settings

from mmrec.errors import DataError, WriteError
from mmrec.experiment import run_experiment
from mmrec.runs.finished import FinishedRun
from mmrec.runs.folder import RunFolder
from mmrec.runs.identity import RunIdentity
from mmrec.runs.log import log_to_folder
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.sealed import sealed_line
from mmrec.verify.verification import verify_run

IDENTITY = RunIdentity("one", {"mmrec": "0.1.0"})
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


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
    store.path.write_text(sealed_line({"trial_id": "x", "colour": "red"}) + "\n")
    message = refusal(DataError, store.read)
    assert_contains(message, [store.path, "'colour'", "--fresh"])


def test_a_folder_that_cannot_be_begun_is_not_left(tmp_path: Path) -> None:
    with no_file_above(n_bytes=0):
        message = refusal(WriteError, lambda: RunFolder.open(tmp_path, IDENTITY, MOMENT))
    assert_contains(message, [tmp_path / "run_2026_01_31_12_00_00" / "identity.json"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("identity", ["", "[]", "7", '{"experiment": 7}', "{}", "\xff"])
def test_a_damaged_identity_is_that_of_another_run(tmp_path: Path, identity: str) -> None:
    spoilt = tmp_path / "run_2026_01_30_12_00_00"
    spoilt.mkdir()
    (spoilt / "identity.json").write_text(identity, encoding="latin-1")
    folder = RunFolder.open(tmp_path, IDENTITY, MOMENT)
    folder.release()
    assert folder.path.name == "run_2026_01_31_12_00_00"
    again = RunFolder.open(tmp_path, IDENTITY, MOMENT)
    again.release()
    assert again.path == folder.path


def test_a_log_without_room_hides_no_error_and_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def log_and_fail() -> None:
        with log_to_folder() as log:
            log.write_to(Path("/dev/full"))
            logging.getLogger("mmrec.search").info("a line")
            raise DataError("what really happened")

    assert refusal(DataError, log_and_fail) == "what really happened"
    assert capfd.readouterr() == ("", "")


def test_a_run_with_an_odd_message_of_failure_is_verified(experiment_file: Write) -> None:
    models = {"external.Odd": settings(lr=[0.01, 0.02]), "MostPop": {}}
    path = experiment_file(models, external_models_path="mine.py")
    (path.parent / "mine.py").write_text(
        "from mmrec.models import LightGCNM\n"
        "class Odd(LightGCNM):\n"
        "    def __init__(self, config, dataset):\n"
        "        raise OSError('no such file: \\udcfc.npy\\u2028\\x85\\n\\tnor\\ranother')\n"
    )
    results = run_experiment(path, progress=False)
    assert results.trials["status"].tolist() == ["failed", "failed", "finished"]
    assert pd.read_csv(results.folder / "trials.tsv", sep="\t")["status"].tolist() == [
        *("failed", "failed", "finished")
    ]
    assert verify_run(results.folder).is_identical


def test_an_unfinished_run_of_other_code_is_not_resumed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = RunFolder.open(tmp_path, IDENTITY, MOMENT)
    first.release()
    upgraded = RunIdentity("one", {"mmrec": "0.2.0"})
    second = RunFolder.open(tmp_path, upgraded, MOMENT)
    second.release()
    assert second.path != first.path
    (message,) = caplog.messages
    assert_contains(message, [first.path, "mmrec"])
    for identity, folder in ((IDENTITY, first), (upgraded, second)):
        again = RunFolder.open(tmp_path, identity, MOMENT)
        again.release()
        assert again.path == folder.path
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_nested_json_is_one_message(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json: not JSON: .*nested too deeply"):
        FinishedRun.open(tmp_path)
    assert RunIdentity.parse(text) is None
