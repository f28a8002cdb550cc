"""Settings of every test; its place also lets tests import ``helpers``."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tiny_experiment import Write, experiment_writer, write_tiny_data

settings.register_profile("mmrec", deadline=None)
settings.load_profile("mmrec")

# Before torch is imported: on data this small, threads that wait for each other cost more than
# they do. Tests that need several set their number themselves.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def experiment_file(tmp_path: Path) -> Write:
    """Return a function that writes an experiment with the given models and other keys."""
    return experiment_writer(tmp_path)


@pytest.fixture(scope="module")
def config_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for experiment files, with tiny data where they look for them."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_data(folder / "data" / "tiny")
    (folder / "config_files").mkdir()
    return folder / "config_files"


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep packed features and marks of trust of the tests out of the user's folder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def without_figures() -> Iterator[pytest.MonkeyPatch]:
    """Write reports without figures, as if matplotlib were not installed.

    Drawing them takes longer than a tiny run. Modules that test them use ``figures``.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mmrec.reporting.page.is_available", lambda: False)
        yield patched


@pytest.fixture(scope="module")
def figures(without_figures: pytest.MonkeyPatch) -> Iterator[None]:
    """Draw the figures of reports, in the module that uses this fixture."""
    without_figures.undo()
    yield
    without_figures.setattr("mmrec.reporting.page.is_available", lambda: False)


@pytest.fixture(scope="session", autouse=True)
def warm_workers() -> Iterator[None]:
    """Fork the workers of runs in this process; a new interpreter takes seconds to import torch.

    Commands that tests start as processes of their own start workers as users' do.
    """
    from warm_processes import WarmWorker

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mmrec.execution.processes.start_worker", WarmWorker)
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need a device or a package that is not there."""
    impossible = [item for item in items if not _is_possible(item)]
    config.hook.pytest_deselected(items=impossible)
    items[:] = [item for item in items if item not in impossible]


def _is_possible(item: pytest.Item) -> bool:
    import torch

    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        return False
    return all(find_spec(marker.args[0]) for marker in item.iter_markers("needs"))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let ``pytest -n`` pass on what a test has logged, though it be no text of UTF-8."""
    return _as_utf8((yield))


def _as_utf8(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode(errors="backslashreplace").decode()
    if isinstance(data, list | tuple):
        return type(data)(map(_as_utf8, data))
    return {key: _as_utf8(value) for key, value in data.items()} if type(data) is dict else data


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Run the tests of one file, or of one ``xdist_group``, in one process of ``pytest -n``."""
    from xdist.scheduler import LoadGroupScheduling

    class ByFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return super()._split_scope(nodeid).partition("::")[0]

    return ByFile(config, log)
