"""``mmrec doctor``."""

from __future__ import annotations

import re
import sys
import tomllib
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest
import torch
from helpers import ROOT

from mmrec.cli import health, main
from mmrec.installation import install_hint


def diagnosis(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    lines = capsys.readouterr().out.splitlines()
    return dict(re.split(r"\s+", line, maxsplit=1) for line in lines)


@pytest.fixture
def requires(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let mmrec require these lines, and whatever a test appends to them."""
    lines = ["torch>=2.6", "ray>=2.40; extra == 'ray'", "no-such-package (>=1) ; extra == 'mine'"]
    described = Message()
    for extra in ("ray", "mine"):
        described["Provides-Extra"] = extra
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    monkeypatch.setattr(metadata, "metadata", lambda name: described)
    return lines


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let a package have the version that a test gives it."""
    versions: dict[str, str] = {}
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: versions.get(name) or version(name))
    return versions


def test_a_sound_installation(
    requires: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert main(["doctor"]) == 0
    found = diagnosis(capsys)
    about = ["python", "mmrec", "torch", "CUDA", "threads", "propagation", "determinism", "cache"]
    assert list(found)[:8] == about
    assert "embedding_bag on the CPU" in found["propagation"]
    assert "deterministic_algorithms=True" in found["determinism"]
    assert found["cache"] == f"{tmp_path}/cache/mmrec, writable"
    assert not (tmp_path / "cache").exists()
    assert found["[mine]"] == f"no: no-such-package is missing; {install_hint('mine')}"
    assert found["[ray]"].startswith("trials on several machines: ")


def test_a_busy_machine_is_reported(
    requires: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    for load, is_reported in ((2.0, False), (14.4, True)):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, 0.0, 0.0), raising=False)
        main(["doctor"])
        assert ("busy (load 14): fewer may be faster" in diagnosis(capsys)["threads"]) is (
            is_reported
        )


def test_a_package_that_is_missing_or_old_makes_it_unusable(
    requires: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    requires += ["no-such-core>=1.0", "numpy>=999"]
    assert main(["doctor"]) == 1
    found = diagnosis(capsys)
    assert list(found) == ["python", "mmrec"]
    assert "PROBLEM: " in found["mmrec"]
    assert "no-such-core is missing" in found["mmrec"]
    assert re.search(r"numpy is [\d.]+, required is >=999", found["mmrec"])


@pytest.mark.parametrize(
    ("required", "found", "is_fit"),
    [
        ("numpy>=2.10.0", "2.10", True),
        ("numpy>=2.0", "2.0rc1", False),
        ("numpy>=2,<3", "3.1", False),
        ("numpy>=2,<3", "2.9", True),
        ("numpy!=2.5", "2.5", False),
        ("numpy>=2", "2.1.0+cpu", True),
        ("numpy>=9; python_version < '3'", "2.1", True),
        ("no-such-core; sys_platform == 'none'", "2.1", True),
    ],
)
def test_versions_and_markers_count_as_in_pip(
    requires: list[str], installed: dict[str, str], required: str, found: str, is_fit: bool
) -> None:
    requires.append(required)
    installed["numpy"] = found
    assert main(["doctor"]) == (0 if is_fit else 1)


def test_a_missing_packaging_is_reported(
    requires: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "packaging.requirements", None)
    assert main(["doctor"]) == 1
    assert "packaging.requirements is missing" in diagnosis(capsys)["mmrec"]


def test_a_torch_that_cannot_be_imported_is_reported(
    requires: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor"]) == 1
    assert diagnosis(capsys)["torch"].startswith("PROBLEM: cannot be imported: ")


def test_gpus_are_listed_with_the_kernel_of_cuda(
    requires: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    assert main(["doctor"]) == 0
    found = diagnosis(capsys)
    assert found["CUDA"].endswith("; gpu: 0 card 0, gpu: 1 card 1")
    assert re.search(r"; (segment|torch_sparse) on CUDA \(torch-sparse ", found["propagation"])


def test_an_old_python_is_reported(
    requires: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_LEAST_PYTHON", (99, 0))
    assert main(["doctor"]) == 1
    assert diagnosis(capsys)["python"].endswith("required is 99.0 or newer")


def test_a_cache_that_cannot_be_written_is_reported(
    requires: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main(["doctor"]) == 0
    assert "cannot be written" in diagnosis(capsys)["cache"]


def test_every_extra_has_a_purpose() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(health.PURPOSES) == set(project["optional-dependencies"]) - {"dev"}
