"""Runs that have not finished: their report, and what the other commands say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from helpers import assert_contains, refusal
from stopping import interrupt
from tiny_experiment import Write, experiment_writer, settings

from mmrec.cli import main
from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.reporting.partial import report_run
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.results import Results
from mmrec.reporting.sections.base import sections_of
from mmrec.runs import process
from mmrec.runs.journal import JournalWriter, read_journal
from mmrec.runs.process import is_running, this_process
from mmrec.runs.records import TrialStore
from mmrec.runs.sealed import sealed_line
from mmrec.runs.studies import read_unfinished_studies
from mmrec.runs.unfinished import UnfinishedRun
from mmrec.verify.verification import verify_run

MODELS = {
    "MostPop": {},
    "LightGCNM": settings(epochs=4, lr=[0.01, 0.02, 0.04], n_layers=[1, 2]),
    "LATTICE": settings(epochs=4, top_k=4, seed={"repeat": 2}),
}
N_TRIALS = 9


def run(path: Path, **options: object) -> Results:
    return run_experiment(path, progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted in its sixth trial."""
    write = experiment_writer(tmp_path_factory.mktemp("interrupted"))
    folder = interrupt(write(MODELS), 90)
    assert 2 < len(TrialStore(folder / "trials.jsonl").read()) < 7
    return folder


def n_ended(folder: Path) -> int:
    return len(TrialStore(folder / "trials.jsonl").read())


def test_an_interrupted_run_has_a_partial_report(interrupted: Path) -> None:
    before = {p: p.read_bytes() for p in interrupted.iterdir() if p.is_file()}
    report, summary = report_run(interrupted)
    ended = f"{n_ended(interrupted)} of {N_TRIALS} trials"
    assert summary == f"was interrupted after {ended}"
    assert report == interrupted / "partial/report.html"
    html = report.read_text()
    assert_contains(html, [f"Partial results after {ended}", summary])
    for name in ("best.tsv", "trials.tsv"):
        table = pd.read_csv(interrupted / "partial" / name, sep="\t")
        assert set(table["run"]) == {f"partial: {ended}"}
    assert len(pd.read_csv(interrupted / "partial/trials.tsv", sep="\t")) == n_ended(interrupted)
    after = {p: p.read_bytes() for p in interrupted.iterdir() if p.is_file()}
    assert after == before


def test_the_tables_count_the_trials_of_each_model(interrupted: Path) -> None:
    run_ = UnfinishedRun.open(interrupted)
    studies = read_unfinished_studies(run_)
    data = ReportData(run_.manifest, studies, pd.DataFrame(), unfinished=run_)
    tables = {name: t for made in sections_of(data) for name, t in made.tables.items()}
    assert all(table.caption.startswith("Partial results after") for table in tables.values())
    assert "Partial results after" in tables["best"].to_latex()
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in tables["progress"].rows}
    n_finished = n_ended(interrupted) - 1
    assert rows["MostPop"] == ["1", "1", "0", "0", "0", "0"]
    assert rows["LightGCNM"] == ["6", str(n_finished), "0", "0", "1", str(5 - n_finished)]
    assert rows["LATTICE"] == ["2", "0", "0", "0", "0", "2"]
    (started,) = tables["started trials"].rows
    assert started[1].text == "LightGCNM"
    assert [study.best is None for study in studies] == [False, False, True]


def test_a_finished_run_has_no_trace_of_it(experiment_file: Write) -> None:
    path = experiment_file(MODELS)
    folder = interrupt(path, 60)
    report_run(folder)
    assert (folder / "partial/report.html").exists()
    results = run(path)
    assert results.folder == folder
    names = {file.name for file in folder.iterdir()}
    assert not names & {"partial", "journal.jsonl", "unfinished.json"}
    assert report_run(folder) == (results.report, None)
    assert verify_run(folder, progress=False).is_identical


def test_a_torn_last_line_is_left_out(interrupted: Path) -> None:
    n_records, journal = n_ended(interrupted), read_journal(interrupted)
    for name in ("trials.jsonl", "journal.jsonl"):
        path = interrupted / name
        content = path.read_bytes()
        path.write_bytes(content + content[: len(content) // 2].rpartition(b"\n")[2])
        try:
            torn = UnfinishedRun.open(interrupted)
        finally:
            path.write_bytes(content)
        assert len(torn.records) == n_records
        assert torn.journal.epochs == journal.epochs


@pytest.mark.parametrize(
    "line",
    [
        '{"process": {"host": "x"}}',
        f'{{"process": {{"host": "{socket.gethostname()}", "pid": 1e30, "began": null}}}}',
        '{"process": 7}',
        '{"started": {"trial_id": "x", "parameters": []}}',
        '{"trial_id": "x", "epoch": 1, "loss": 0.5, "validation": [1]}',
        "[" * 992 + "]" * 992,
        "[" * 5000 + "]" * 5000,
    ],
)
@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_damaged_line_of_the_journal_is_left_out(
    interrupted: Path, line: str, is_sealed: bool
) -> None:
    path = interrupted / "journal.jsonl"
    content, before = path.read_bytes(), read_journal(interrupted)
    if is_sealed:
        if "[[" in line:
            return
        line = sealed_line(json.loads(line))
    path.write_bytes(content + f"{line}\n".encode())
    try:
        after = read_journal(interrupted)
        report, summary = report_run(interrupted)
    finally:
        path.write_bytes(content)
    assert vars(after) == vars(before)
    assert "was interrupted" in (summary or "")
    assert report.exists()


def test_another_figure_in_the_journal_is_left_out(interrupted: Path) -> None:
    path = interrupted / "journal.jsonl"
    content, before = path.read_bytes(), read_journal(interrupted)
    trial_id, epochs = next(iter(before.epochs.items()))
    path.write_bytes(content.replace(f'"loss": {epochs[1].loss}'.encode(), b'"loss": 9.5', 1))
    try:
        after = read_journal(interrupted)
    finally:
        path.write_bytes(content)
    assert after.epochs[trial_id] == {n: epoch for n, epoch in epochs.items() if n != 1}


def test_a_point_counts_once_all_its_seeds_have_ended(experiment_file: Write) -> None:
    models = {"LightGCNM": settings(epochs=2, lr=[0.01, 0.02], seed={"repeat": 2})}
    path = experiment_file(models)
    folder = interrupt(path, 27)
    assert n_ended(folder) % 2 == 1
    (study,) = read_unfinished_studies(UnfinishedRun.open(folder))
    assert len(study.records) == n_ended(folder)
    assert [len(trials) for trials in study.points] == [2] * (n_ended(folder) // 2)
    report_run(folder)


def test_a_run_interrupted_before_its_first_trial_ended_has_a_report(
    experiment_file: Write,
) -> None:
    folder = interrupt(experiment_file({"LightGCNM": settings(epochs=4)}), 3)
    report, summary = report_run(folder)
    assert summary == "was interrupted after 0 of 1 trial"
    assert "no results" in report.read_text()


@pytest.mark.slow
def test_the_report_on_a_running_run_does_not_disturb_it(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(experiment_file(MODELS), fresh=True).trials["lists_sha256"]
    outputs: list[str] = []
    write_epoch = JournalWriter.epoch_ended

    def epoch_ended(self: JournalWriter, trial_id: str, epoch: object) -> None:
        write_epoch(self, trial_id, epoch)  # type: ignore[arg-type]
        folder = self._path.parent
        if not outputs and n_ended(folder) == 3:
            command = [sys.executable, "-m", "mmrec", "report", str(folder)]
            outputs.append(subprocess.run(command, capture_output=True, text=True).stdout)
            outputs.append((folder / "partial/report.html").read_text())

    monkeypatch.setattr(JournalWriter, "epoch_ended", epoch_ended)
    results = run(experiment_file(MODELS), fresh=True)
    assert_contains(outputs[0], [f"is running: 3 of {N_TRIALS} trials have ended", "partial"])
    assert_contains(outputs[1], ["is running", "The trials that are running"])
    assert list(results.trials["lists_sha256"]) == list(expected)


def test_other_commands_say_what_an_unfinished_run_is_doing(
    interrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ["compare", str(interrupted), str(interrupted)],
        ["show", str(interrupted), "--user", "1"],
        ["verify", str(interrupted)],
    ):
        assert main(command) == 2
        assert_contains(
            capsys.readouterr().err,
            [
                f"was interrupted after {n_ended(interrupted)} of {N_TRIALS} trials",
                "mmrec report",
                "resume",
            ],
        )
    assert main(["report", str(interrupted)]) == 0
    assert "partial:" in capsys.readouterr().out


def test_the_summary_of_a_run_depends_on_its_process(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = f"{n_ended(interrupted)} of {N_TRIALS} trials"
    open_ = UnfinishedRun.open
    for host, began, state, text in (
        (None, None, "running", f"is running: {ended} have ended"),
        ("elsewhere", None, "unknown", "elsewhere"),
        (None, "0", "interrupted", f"was interrupted after {ended}"),
    ):
        found = open_(interrupted)
        facts = this_process()
        found.journal.process = replace(facts, host=host or facts.host)
        if began is not None:
            found.journal.process = replace(facts, began=began)  # another one with this number
        assert found.state == state
        assert text in found.summary
    with monkeypatch.context() as patched:
        patched.setattr(UnfinishedRun, "state", "running")
        message = refusal(DataError, rebuild_report, interrupted)
    assert "is running" in message
    assert "resume" not in message


def test_a_process_that_has_ended_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    facts = replace(this_process(), pid=child.pid, began=process._began(child.pid))
    assert is_running(facts) is True
    child.communicate()
    assert is_running(facts) is False
    monkeypatch.setattr(os, "kill", lambda pid, number: (_ for _ in ()).throw(PermissionError))
    assert is_running(this_process()) is True


def test_the_journal_of_a_resumed_run_has_each_epoch_once(experiment_file: Write) -> None:
    path = experiment_file({"LightGCNM": settings(epochs=6)})
    folder = interrupt(path, 20)
    before = read_journal(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mmrec.runs.folder.RunFolder.remove_unfinished", lambda self: None)
        run(path)
    after = read_journal(folder)
    (record,) = TrialStore(folder / "trials.jsonl").read()
    epochs = after.epochs[record.trial_id]
    assert {n: epoch.loss for n, epoch in epochs.items()} == dict(enumerate(record.losses, 1))
    assert before.epochs[record.trial_id].items() <= epochs.items()
    assert after.process is None
    lines = (folder / "journal.jsonl").read_text().splitlines()
    assert sum('"began"' in line for line in lines) == 2


def test_a_journal_that_cannot_be_written_does_not_stop_the_run(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mmrec.runs.journal.JOURNAL", "no/such/folder")
    results = run(experiment_file({"LightGCNM": settings(epochs=2)}))
    assert results.n_failed == 0
    assert "cannot be written" in caplog.text


def test_an_unfinished_run_of_an_earlier_version_is_refused(interrupted: Path) -> None:
    path = interrupted / "unfinished.json"
    content = path.read_bytes()
    try:
        path.unlink()
        assert "unfinished.json" in refusal(DataError, report_run, interrupted)
        path.write_text(json.dumps(json.loads(content) | {"started": "never"}))
        assert "damaged" in refusal(DataError, report_run, interrupted)
    finally:
        path.write_bytes(content)
