"""Output that cannot be encoded, or has nowhere to go, ends no command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import assert_contains
from tiny_experiment import Write

from mmrec import run_experiment
from mmrec.cli.terminal import TerminalHandler

CHINESE = "\u6570\u636e"
NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def config(experiment_file: Write, tmp_path: Path) -> Path:
    """An experiment whose results are in a folder with a Chinese name."""
    outputs = {f"path_output_rec_{name}": f"{CHINESE}/{name}" for name in ("result", "performance")}
    return experiment_file({"MostPop": {"meta": {"save_recs": True}}}, gpu=-1, **outputs)


def run(*command: object, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``mmrec COMMAND`` in a process, with redirections of a shell."""
    words = [sys.executable, "-m", "mmrec", *command]
    return subprocess.run(
        ["bash", "-c", f'"$@" {shell}', "bash", *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
        check=False,
    )


def run_folders(config: Path) -> list[Path]:
    """The folders of the runs that have a manifest, a report and a table."""
    folders = (config.parent / CHINESE / "performance").glob("run_*")
    files = ("manifest.json", "report.html", "trials.jsonl")
    return [f for f in folders if all((f / name).is_file() for name in files)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoding", ["ascii", pytest.param("cp1252", marks=pytest.mark.exhaustive)]
)
def test_what_cannot_be_encoded_is_escaped(config, encoding):
    done = run("run", config, "--quiet", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert_contains(done.stdout, ["MostPop", r"\u6570\u636e/performance/run_"])
    (folder,) = run_folders(config)
    shown = run("show", folder, "--user", "7", PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "code"),
    [
        (">&- 2>&-", 0),
        pytest.param("2>/dev/full", 0, marks=pytest.mark.exhaustive),
        (">/dev/full", 2),
        pytest.param("2>&1 >/dev/full | head -1", 0, marks=pytest.mark.exhaustive),
        ("2>&1 | head -1", 0),
    ],
)
def test_a_closed_or_full_stream_ends_no_run(config, shell, code):
    done = run("run", config, shell=shell)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(run_folders(config)) == 1
    if code:
        assert_contains(done.stderr, ["standard output", "No space left"])


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(config):
    done = run("schema", shell="| head -1; exit ${PIPESTATUS[0]}")
    assert done.returncode in (0, 141)
    assert done.stderr == ""


@pytest.mark.parametrize("name", [NOT_UTF8, CHINESE, "a b&<c>.d", "a\nb"])
def test_the_report_is_written_whatever_the_name_of_the_config(config, name):
    folder = config.parent.parent / name
    config.parent.rename(folder)
    named = (folder / "tiny.yml").rename(folder / f"{name}.yml")
    results = run_experiment(named, progress=False)
    assert results.report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_terminal_shows_a_repeated_warning_once(capsys: pytest.CaptureFixture[str]) -> None:
    handler = TerminalHandler()
    warning, error = logging.WARNING, logging.ERROR
    for level, text in ((warning, "a"), (warning, "b"), (warning, "a"), (error, "c"), (error, "c")):
        handler.handle(logging.LogRecord("mmrec", level, __file__, 1, "%s", (text,), None))
    assert capsys.readouterr().err.split() == ["a", "b", "c", "c"]
