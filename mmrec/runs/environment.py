"""The environment of a run: machine, versions, settings of determinism, and code."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mmrec.files import sha256
from mmrec.graph import default_backend
from mmrec.models import executed_digests, source_digests
from mmrec.models.external import PREFIX
from mmrec.runs.differences import Change
from mmrec.training.determinism import deterministic

PACKAGES = (
    "mmrec",
    "numpy",
    "optuna",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "scipy",
    "torch",
    "torch-geometric",
    "torch-scatter",
    "torch-sparse",
)
PACKAGE = Path(__file__).parents[1]
"""The folder of this package."""
_DRIVER = Path("/proc/driver/nvidia/version")


def describe_environment(
    devices: Sequence[torch.device], threads: int, external_models: Path | None
) -> dict[str, Any]:
    """Return what the bits of a result may depend on besides the experiment and the data.

    Args:
        devices: of the workers.
        threads: of torch while a trial runs.
        external_models: the user's file or folder of models.

    Returns:
        ``environment``, ``determinism`` and ``code`` of the manifest.
    """
    return {
        "environment": _machine_and_versions(devices, threads),
        "determinism": determinism(),
        "code": {
            "mmrec_sha256": _mmrec_sha256(),
            "external_models": executed_digests(external_models),
            "git": _git(PACKAGE),
        },
    }


def _machine_and_versions(devices: Sequence[torch.device], threads: int) -> dict[str, Any]:
    on_cuda = any(device.type == "cuda" for device in devices)
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "device": ", ".join(dict.fromkeys(_device_name(device) for device in devices)),
        "driver": _driver(_DRIVER) if on_cuda else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if on_cuda else None,
        "threads": threads,
        "propagation_backend": ", ".join(
            dict.fromkeys(default_backend(device.type) for device in devices)
        ),
        "packages": {name: version for name in PACKAGES if (version := installed_version(name))},
    }


def determinism() -> dict[str, Any]:
    """Return the settings of torch during a trial, on any device."""
    with deterministic(torch.device("cpu")):
        return {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "cublas_workspace_config": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        }


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, or None."""
    if package == "torch":
        return str(torch.__version__)  # with its build, such as +cpu
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _processor() -> str:
    """Return the model of the CPU, or its kind if the system does not name it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def _driver(path: Path) -> str | None:
    """Return the version of NVIDIA's driver, from the file of its kernel module."""
    try:
        match = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", path.read_text())
    except OSError:
        return None
    return match[0] if match else None


def is_of_commit(change: Change) -> bool:
    """Return whether a change is of the commit, which says less than the digests of the code."""
    return f"{change.key}.".startswith("code.git.")


def source_versions(external_models: Path | None, *, reread: bool = False) -> dict[str, str]:
    """Return the versions of the sources that the trials of a run depend on, by name.

    That of mmrec is its version and the digest of its source; that of a file of external models
    is its digest.

    Args:
        external_models: the user's file or folder of models.
        reread: use the sources as they are now, not as this process executes them.
    """
    digest = _digest_of_source() if reread else _mmrec_sha256()
    external = (source_digests if reread else executed_digests)(external_models)
    return {"mmrec": f"{installed_version('mmrec')} ({digest[:12]})"} | external


def versions_of(code: Mapping[str, str], model: str) -> dict[str, str]:
    """Return the versions of the sources of one model, from those of a run.

    Args:
        code: as returned by :func:`source_versions`.
        model: key of the model in the experiment file.
    """
    return {name: x for name, x in code.items() if name == "mmrec" or model.startswith(PREFIX)}


def code_digest(code: Mapping[str, str]) -> str:
    """Return 8 hexadecimal digits for versions of sources, for the names of files."""
    return sha256(json.dumps(dict(code), sort_keys=True).encode())[:8]


@cache
def _mmrec_sha256() -> str:
    """Return the digest of the source of this package that this process runs."""
    return _digest_of_source()


def _digest_of_source() -> str:
    files = _sources(PACKAGE)
    return sha256(*(part for path in files for part in _named(path, PACKAGE)))


def _sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _named(path: Path, folder: Path) -> tuple[bytes, bytes]:
    content = path.read_bytes()
    return f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode(), content


def _git(package: Path) -> dict[str, Any] | None:
    """Return the commit of a package, and whether a tracked file of its repository differs from it.

    None if no repository tracks the package: an installed copy may lie in the folder of another
    project, whose commit says nothing about it, and whose settings git would follow.
    """
    if _ask_git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _ask_git(package, "rev-parse", "--verify", "HEAD")
    changes = _ask_git(package, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


_NO_CODE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")
"""The settings of a repository name programs; those that git would run for a status are off."""


def _ask_git(folder: Path, *arguments: str) -> str | None:
    # Variables such as GIT_DIR, which git sets for its hooks, name another repository.
    environment = {name: x for name, x in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *_NO_CODE, *arguments],
            cwd=folder,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},  # read only
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
