"""The commands, as they are typed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import assert_contains

from mmrec.cli import main

ROOT = Path(__file__).parents[2]

NAMES = [
    *("validate", "plan", "run", "show", "report", "verify", "diff", "evaluate", "convert"),
    *("new-model", "schema", "doctor"),
]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's demonstration, shortened, with its data in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run(
        [sys.executable, ROOT / "scripts/make_demo_data.py", folder / "data/demo"], check=True
    )
    text = (ROOT / "config_files/demo.yml").read_text()
    (folder / "config_files").mkdir()
    short = re.sub(r"epochs: \d+", "epochs: 5", text)
    (folder / "config_files/demo.yml").write_text(short)
    return folder


def test_run_prints_the_best_trials_and_where_the_report_is(demo_folder, capsys):
    assert main(["run", str(demo_folder / "config_files/demo.yml"), "--quiet"]) == 0
    printed = capsys.readouterr().out
    for name in ("MostPop", "Random", "LightGCNM", "LATTICE"):
        assert name in printed
    report = Path(re.search(r"report: +(.*)", printed)[1])
    assert report.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("module", [["mmrec", "run"], ["mmrec.run"]])
def test_the_modules_run_like_the_command(demo_folder, module):
    command = [sys.executable, "-m", *module, demo_folder / "config_files/none.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "none.yml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_trial_ends_with_1(demo_folder, tmp_path, capsys):
    text = (demo_folder / "config_files/demo.yml").read_text()
    text = text[: text.index("    LightGCNM:")] + text[text.index("    LATTICE:") :]
    text = text.replace("lr: [0.001, 0.005]", "lr: 1e30").replace("l_m: [0.3, 0.7]", "l_m: 0.3")
    (demo_folder / "config_files/failing.yml").write_text(text)
    assert main(["run", str(demo_folder / "config_files/failing.yml"), "--quiet"]) == 1
    assert re.search(r"failed: LATTICE_\w+: TrialError: ", capsys.readouterr().out)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    contents = {
        "train": "u\ta\t1\nv\tb\t1\n",
        "test": "u\tb\t1\nv\ta\t1\nv\tc\t1\n",
        "recs": "u\tb\t0.9\nu\tc\t0.5\nv\tc\t-1\nv\ta\t-2\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return {name: str(tmp_path / name) for name in contents}


def test_evaluate_prints_the_figures_and_writes_them(files, tmp_path, capsys):
    out = tmp_path / "figures.json"
    code = main(
        [
            *("evaluate", "--json", str(out), "--cutoffs", "1", "2", "--metrics", "recall", "nDCG"),
            *(f"--{name}={path}" for name, path in files.items()),
        ]
    )
    assert code == 0
    # User u has b of {b} at rank 1; v has c, then a, of {a, c}: 1/2 of them at 1, all at 2.
    expected = {"Recall@1": 0.75, "Recall@2": 1.0, "nDCG@1": 1.0, "nDCG@2": 1.0}
    assert json.loads(out.read_text())["figures"] == pytest.approx(expected)
    printed = capsys.readouterr().out
    assert "Recall@1  0.750000" in printed
    assert "over 2 users" in printed


def test_evaluate_with_a_threshold_counts_only_the_relevant(files, tmp_path, capsys):
    Path(files["test"]).write_text("u\tb\t2\nv\ta\t5\nv\tc\t1\n")
    arguments = ["evaluate", *(f"--{name}={path}" for name, path in files.items())]
    arguments += ["--relevance-threshold", "3", "--cutoffs", "1", "--metrics", "Recall", "MRR"]
    assert main(arguments) == 0
    assert "over 1 users" in capsys.readouterr().out


def test_evaluate_takes_one_file_of_both_splits(files, tmp_path, capsys):
    arguments = ["evaluate", f"--recs={files['recs']}", "--cutoffs", "1", "--metrics", "Recall"]
    assert main([*arguments, f"--train={files['train']}", f"--test={files['test']}"]) == 0
    expected = capsys.readouterr().out
    both = tmp_path / "both.inter"
    rows = [
        (name, row)
        for name in ("train", "test")
        for row in Path(files[name]).read_text().splitlines()
    ]
    lines = [f"{row}\t{0 if name == 'train' else 2}\n" for name, row in rows]
    both.write_text("userID\titemID\trating\tx_label\n" + "".join(lines))
    assert main([*arguments, f"--splits={both}"]) == 0
    assert capsys.readouterr().out == expected
    for wrong in ([f"--train={both}"], [f"--splits={both}", f"--test={both}"], []):
        assert main([*arguments, *wrong]) == 2
        assert_contains(capsys.readouterr().err, ["--train", "--test", "--splits"])


@pytest.mark.parametrize(
    ("changed", "content", "facts"),
    [
        ("recs", "u\tb\t1\nu\tc\n", ["recs:2: ", "3 ", "(user, item, score)", "2"]),
        ("recs", "", ["recs: ", "empty"]),
        ("test", "u b 1\n", ["test:1: ", "2 to 4 columns"]),
    ],
)
def test_evaluate_names_the_file_and_line_of_bad_input(files, capsys, changed, content, facts):
    Path(files[changed]).write_text(content)
    assert main(["evaluate", *(f"--{name}={path}" for name, path in files.items())]) == 2
    error = capsys.readouterr().err
    assert error.startswith("mmrec: ")
    assert_contains(error, facts)


def test_convert_packs_a_folder_of_vectors(demo_folder, tmp_path, capsys):
    folder, packed = demo_folder / "data/demo/image_feat", tmp_path / "image.npz"
    assert main(["convert", str(folder), str(packed)]) == 0
    assert "48 " in capsys.readouterr().out
    assert packed.exists()
    assert main(["convert", str(folder), str(packed)]) == 2
    assert "image.npz" in capsys.readouterr().err


def test_importing_the_package_loads_no_torch():
    program = "import sys, mmrec; assert mmrec.__version__; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_names_the_commands_and_imports_no_torch():
    program = (
        "import sys\nfrom mmrec.cli import main\n"
        "try:\n    main(['--help'])\nfinally:\n    assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mmrec run config_files/demo.yml" in done.stdout
    for name in NAMES:
        assert re.search(rf"^    {name}\b", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_description_and_examples(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^examples:\n  mmrec {name}\b", printed, re.MULTILINE)
    assert printed.index("\n\n") < printed.index("options:") < printed.index("examples:")


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_count_is_a_whole_number(workers, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "x.yml", "--workers", workers])
    assert stopped.value.code == 2
    assert_contains(capsys.readouterr().err, ["--workers", f"'{workers}'", "whole number"])


def test_an_unknown_option_is_refused_with_the_nearest_and_the_usage_of_its_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "x.yml", "--modles=BM3", "y.yml"])
    assert stopped.value.code == 2
    facts = ["usage: mmrec run", "--modles=BM3", "'--models'", "y.yml"]
    assert_contains(capsys.readouterr().err, facts)


def test_a_reader_that_closes_the_output_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m mmrec schema | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_an_interrupted_command_ends_with_130(monkeypatch, capsys):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mmrec.cli.health.requirements", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "mmrec: interrupted\n"
