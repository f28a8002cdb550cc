"""What this installation can do, and what is missing; works also where mmrec itself does not."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.installation import install_hint

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PURPOSES = {
    "ann": "approximate item graphs of very large catalogues",
    "docs": "building the documentation site",
    "parquet": "item vectors in .parquet files",
    "prepare": "the scripts that download and prepare data",
    "ray": "trials on several machines",
    "report": "plots and pictures in report.html",
    "search": "search by TPE, and the importance of hyper-parameters by fANOVA",
    "torch-sparse": "faster graph propagation on CUDA",
    "tracking": "curves of a run in TensorBoard or MLflow",
    "wandb": "curves of a run in Weights & Biases",
}
"""What the extras of mmrec are for."""

_LEAST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    about: str
    text: str
    is_fatal: bool = False
    """Whether mmrec cannot run because of it."""

    def __str__(self) -> str:
        return f"{self.about:<13} {'PROBLEM: ' if self.is_fatal else ''}{self.text}"


def diagnose() -> Iterator[Finding]:
    """Yield the findings, prerequisites first; stop where nothing further can be imported."""
    yield _python()
    try:
        needed = requirements()
    except ImportError as error:  # packaging itself
        yield _mmrec(f"{error.name} is missing; {install_hint()}", is_fatal=True)
        return
    core = _problems(needed.get("", []))
    if core:
        yield _mmrec(f"{'; '.join(core)}; {install_hint()}", is_fatal=True)
        return
    yield _mmrec("all required packages" if needed else "not installed; requirements unknown")
    yield from _torch()
    yield _cache()
    yield from _extras(needed)


def requirements() -> dict[str, list[Requirement]]:
    """Return what mmrec requires on this machine, by extra; the core requirements under ``""``.

    Empty if mmrec runs without being installed.
    """
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("mmrec") or []
    except metadata.PackageNotFoundError:
        return {}
    extras = metadata.metadata("mmrec").get_all("Provides-Extra") or []
    found: dict[str, list[Requirement]] = {extra: [] for extra in ("", *sorted(extras))}
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            found[""].append(requirement)
            continue
        for extra in extras:
            if marker.evaluate({"extra": extra}):
                found[extra].append(requirement)
    return found


def _problems(requirements: list[Requirement]) -> list[str]:
    """Return what is missing or has the wrong version."""
    problems = []
    for requirement in requirements:
        found = _version(requirement.name)
        if found is None:
            problems.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(found, prereleases=True):
            problems.append(f"{requirement.name} is {found}, required is {requirement.specifier}")
    return problems


def _python() -> Finding:
    is_old = sys.version_info < _LEAST_PYTHON
    least = f"; required is {'.'.join(map(str, _LEAST_PYTHON))} or newer" if is_old else ""
    return Finding("python", f"{platform.python_version()} ({sys.executable}){least}", is_old)


def _mmrec(text: str, *, is_fatal: bool = False) -> Finding:
    from mmrec import __file__ as place
    from mmrec import __version__

    return Finding("mmrec", f"{__version__} ({Path(str(place)).parent}): {text}", is_fatal)


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library of CUDA that does not fit, for example
        yield Finding("torch", f"cannot be imported: {error}", is_fatal=True)
        return
    from mmrec.graph import default_backend
    from mmrec.runs.environment import determinism

    geometric = _version("torch-geometric") or "none"
    yield Finding("torch", f"{torch.__version__}, torch-geometric {geometric}")
    backends = {"the CPU": default_backend("cpu")}
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        listed = ", ".join(f"gpu: {n} {name}" for n, name in enumerate(names))
        yield Finding("CUDA", f"{torch.version.cuda}; {listed}")
        backends["CUDA"] = default_backend("cuda")
    else:
        reason = "torch is built without it" if torch.version.cuda is None else "no device found"
        yield Finding("CUDA", f"none ({reason}); experiments run on the CPU")
    setting = os.environ.get("OMP_NUM_THREADS")
    limit = f" (OMP_NUM_THREADS={setting})" if setting else ""
    yield Finding("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores{limit}{_load()}")
    used = "; ".join(f"{name} on {device}" for device, name in backends.items())
    sparse = _version("torch-sparse")
    kernel = "torch-sparse is not installed" if sparse is None else f"torch-sparse {sparse}"
    yield Finding("propagation", f"{used} ({kernel})")
    switches = ", ".join(f"{key}={value}" for key, value in determinism().items())
    yield Finding("determinism", f"in a trial: {switches}")


def _load() -> str:
    """Return a warning if more processes want to run than there are cores."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= (os.cpu_count() or 1):
        return ""
    return f"; busy (load {load:.0f}): fewer may be faster, execution: {{threads: 1}}"


def _cache() -> Finding:
    from mmrec.files import cache_folder

    folder = cache_folder()
    if folder is None:
        return Finding("cache", "none: there is no home folder; every run reads features anew")
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding("cache", f"{folder}, writable")
    return Finding("cache", f"{folder} cannot be written; every run reads features anew")


def _extras(needed: dict[str, list[Requirement]]) -> Iterator[Finding]:
    for extra in needed:
        if extra in ("", "dev"):
            continue
        problems = _problems(needed[extra])
        state = f"no: {'; '.join(problems)}; {install_hint(extra)}" if problems else "yes"
        purpose = PURPOSES.get(extra)
        yield Finding(f"[{extra}]", f"{purpose}: {state}" if purpose else state)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
