"""What this installation can do, and what is missing; works also where mmrec does not."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PURPOSES = {
    "ann": "approximate item graphs of very large catalogues",
    "docs": "building the site of the documentation",
    "parquet": "item vectors in .parquet files",
    "prepare": "the scripts that download and prepare data",
    "ray": "trials on several machines",
    "report": "plots and pictures in report.html",
    "search": "search by TPE",
    "torch-sparse": "faster graph propagation on CUDA",
    "tracking": "curves of a run in TensorBoard or MLflow",
}
"""What the extras of mmrec are for."""

_BY_HAND = {
    "torch-sparse": "pip install --no-build-isolation torch-scatter torch-sparse",
}
_LEAST_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;\s*(.*))?")


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis."""

    about: str
    text: str
    is_fatal: bool = False
    """Whether mmrec cannot be used with it."""

    def __str__(self) -> str:
        return f"{self.about:<13} {'PROBLEM: ' if self.is_fatal else ''}{self.text}"


@dataclass(frozen=True)
class Requirement:
    """A package that mmrec needs."""

    package: str
    least: str
    extra: str | None

    @property
    def problem(self) -> str | None:
        """What is the matter with it; None if nothing is."""
        try:
            found = metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return f"{self.package} is missing"
        if _numbers(found) < _numbers(self.least):
            return f"{self.package} is {found}, needed is {self.least} or newer"
        return None


def diagnose() -> Iterator[Finding]:
    """Yield what there is to say, the things that all others rest upon first."""
    yield _python()
    needed = requirements()
    yield _packages(needed)
    if any(r.problem for r in needed if r.extra is None):
        return  # nothing further can be imported
    yield from _torch()
    yield _cache()
    yield from _extras(needed)


def requirements() -> list[Requirement]:
    """Return what mmrec's metadata name; empty where it runs without being installed."""
    try:
        lines = metadata.requires("mmrec") or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for line in lines:
        match = _REQUIREMENT.fullmatch(line.strip())
        if match:
            package, versions, marker = match.groups()
            least = re.search(r">=\s*([0-9.]+)", versions or "")
            extra = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", marker or "")
            found.append(
                Requirement(package, least[1] if least else "0", extra[1] if extra else None)
            )
    return found


def _crowding() -> str:
    """Say that more wants to run than there are cores, where the system tells."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load <= (os.cpu_count() or 1):
        return ""
    return f"; busy (load {load:.0f}): fewer may be faster, execution: {{threads: 1}}"


def _python() -> Finding:
    is_old = sys.version_info < _LEAST_PYTHON
    needed = f"; needed is {'.'.join(map(str, _LEAST_PYTHON))} or newer" if is_old else ""
    return Finding("python", f"{platform.python_version()} ({sys.executable}){needed}", is_old)


def _packages(needed: list[Requirement]) -> Finding:
    from mmrec import __file__ as place
    from mmrec import __version__

    problems = [r.problem for r in needed if r.extra is None and r.problem]
    told = f"{__version__} ({Path(str(place)).parent})"
    if problems:
        return Finding("mmrec", f"{told}: {'; '.join(problems)}; pip install mmrec", is_fatal=True)
    if not needed:
        return Finding("mmrec", f"{told}, not installed: what it needs is not known")
    return Finding("mmrec", f"{told}, with all that it needs")


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library of CUDA that does not fit, for example
        yield Finding("torch", f"cannot be imported: {error}", is_fatal=True)
        return
    from mmrec.graph import default_backend
    from mmrec.runs.environment import determinism

    yield Finding("torch", f"{torch.__version__}, torch-geometric {_version('torch-geometric')}")
    backends = {"the CPU": default_backend("cpu")}
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        listed = ", ".join(f"gpu: {n} {name}" for n, name in enumerate(names))
        yield Finding("CUDA", f"{torch.version.cuda}; {listed}")
        backends["CUDA"] = default_backend("cuda")
    else:
        built = "torch is built without it" if torch.version.cuda is None else "no device is seen"
        yield Finding("CUDA", f"none ({built}); experiments run on the CPU")
    told = os.environ.get("OMP_NUM_THREADS")
    limit = f" (OMP_NUM_THREADS={told})" if told else ""
    yield Finding(
        "threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores{limit}{_crowding()}"
    )
    used = "; ".join(f"{name} on {device}" for device, name in backends.items())
    sparse = _version("torch-sparse")
    there = f"torch-sparse {sparse}" if sparse != "none" else "torch-sparse is not installed"
    yield Finding("propagation", f"{used} ({there})")
    switches = ", ".join(f"{key}={value}" for key, value in determinism().items())
    yield Finding("determinism", f"in a trial: {switches}")


def _cache() -> Finding:
    from mmrec.planning.inputs import feature_cache

    folder = feature_cache()
    if folder is None:
        return Finding("cache", "none: there is no home folder; features are read anew each time")
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding("cache", f"{folder}, writable")
    return Finding("cache", f"{folder} cannot be written; features are read anew each time")


def _extras(needed: list[Requirement]) -> Iterator[Finding]:
    for extra in sorted({r.extra for r in needed if r.extra and r.extra != "dev"}):
        problems = [r.problem for r in needed if r.extra == extra and r.problem]
        purpose = PURPOSES.get(extra, "")
        install = _BY_HAND.get(extra, f"pip install 'mmrec[{extra}]'")
        state = f"no: {'; '.join(problems)}; {install}" if problems else "yes"
        yield Finding(f"[{extra}]", f"{purpose}: {state}" if purpose else state)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", re.split(r"[^0-9.]", version)[0]))
