"""Opening a run that someone else made executes none of its code unasked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import assert_contains
from tiny_experiment import Write, settings

from mmrec.cli import main
from mmrec.errors import TrustError
from mmrec.experiment import run_experiment
from mmrec.files import sha256
from mmrec.inspection.user import view_user
from mmrec.verify.verification import verify_run

CODE = """
from pathlib import Path
from mmrec.models import LightGCNM
(Path(__file__).parent / "executed").touch()
"""


@pytest.fixture
def strange(
    experiment_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path, Path]:
    """The run of someone with another cache folder, its code, and what executing it leaves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache_of_someone"))
    models = {"external.LightGCNM": settings(epochs=1, meta={"save_weights": True})}
    path = experiment_file(models, external_models_path="mine.py")
    code = path.parent / "mine.py"
    code.write_text(CODE)
    folder = run_experiment(path, progress=False).folder
    code.write_text(CODE + f"# {tmp_path}\n")  # this process has not imported it
    return folder, code, path.parent / "executed"


def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache_of_mine"))


def test_verify_and_show_name_the_code_and_do_not_execute_it(
    strange: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, code, mark = strange
    mark.unlink()
    for command in (["verify", str(folder)], ["show", str(folder), "--user", "0"]):
        assert main(command) == 2
        assert_contains(
            capsys.readouterr().err, [folder, code, sha256(code.read_bytes()), "--trust"]
        )
    with pytest.raises(TrustError):
        verify_run(folder)
    with pytest.raises(TrustError):
        view_user(folder, "0")
    assert not mark.exists()


def test_report_and_diff_do_not_execute_it(strange: tuple[Path, Path, Path]) -> None:
    folder, _, mark = strange
    mark.unlink()
    assert main(["report", str(folder)]) == 0
    assert main(["diff", str(folder), str(folder)]) == 0
    assert not mark.exists()


def test_with_trust_it_is_executed(strange: tuple[Path, Path, Path]) -> None:
    folder, _, mark = strange
    mark.unlink()
    assert main(["verify", "--quiet", "--trust", str(folder)]) == 0
    assert mark.exists()


def test_own_runs_are_trusted_until_the_code_changes(
    strange: tuple[Path, Path, Path],
) -> None:
    folder, code, _ = strange
    code.write_text(CODE)
    assert verify_run(folder).is_identical
    code.write_text(CODE + "# edited\n")
    with pytest.raises(TrustError):
        verify_run(folder)


def test_the_cache_of_another_user_does_not_count(
    strange: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, code, _ = strange
    code.write_text(CODE)
    forget(monkeypatch, tmp_path)
    with pytest.raises(TrustError):
        verify_run(folder)


def test_a_copy_at_another_place_is_not_trusted(
    strange: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    folder, code, _ = strange
    code.write_text(CODE)
    copy = tmp_path / "elsewhere"
    shutil.copytree(code.parent, copy / "config_files")
    shutil.copytree(tmp_path / "data", copy / "data")
    with pytest.raises(TrustError):
        verify_run(folder, base_dir=copy / "config_files")
