"""A finished run, data and lists for the snippets of the pages to work on."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT
from page_sandbox import Sandbox

from mmrec.data import SAMPLERS
from mmrec.data.demo import write_demo
from mmrec.evaluation import COMPLEX_METRICS, METRICS
from mmrec.execution.executors import EXECUTORS
from mmrec.experiment import run_experiment
from mmrec.features import LOADERS
from mmrec.models import MODELS
from mmrec.reporting.results import Results
from mmrec.reporting.sections.base import FIGURES, SECTIONS
from mmrec.tracking.tracker import TRACKERS


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    folder = tmp_path_factory.mktemp("clone")
    write_demo(folder / "data" / "demo")
    for name in ("all.csv", "baby.inter", "image_feat.npy", "text_feat.npy"):
        (folder / "data" / "demo" / name).touch()  # named by pages; that they exist is enough
    shutil.copytree(ROOT / "config_files", folder / "config_files")
    shutil.copytree(ROOT / "external", folder / "external")
    demo = folder / "config_files" / "demo.yml"
    text = demo.read_text()
    short = text.replace("epochs: 60", "epochs: 2").replace(
        "validation_rate: 5", "validation_rate: 1"
    )
    assert short.count("epochs: 2\n") == 2
    demo.write_text(short)
    results: Results = run_experiment(demo)
    splits = folder / "data" / "demo"
    lists = next((folder / "results" / "demo" / "recs").glob("LATTICE*.tsv"))
    (folder / "lists").mkdir()
    shutil.copy(lists, folder / "lists")
    shutil.copy(lists, folder / "lists.tsv")
    for split in ("train", "test"):
        shutil.copy(splits / f"{split}.txt", folder)
    return Sandbox(
        folder,
        results.folder,
        user=lists.read_text().split("\t", 1)[0],
        trial=results.best.set_index("model").loc["LATTICE", "trial"],
    )


@pytest.fixture
def sandbox(finished: Sandbox, tmp_path: Path) -> Sandbox:
    """Return a copy that a test may write into; the data are shared."""
    folder = tmp_path / "clone"
    shutil.copytree(
        finished.folder,
        folder,
        ignore=lambda path, names: ["data"] if path == str(finished.folder) else [],
    )
    (folder / "data").mkdir()
    for name in ("demo", "office", "own", "baby"):
        (folder / "data" / name).symlink_to(finished.folder / "data" / "demo")
    run = folder / finished.run.relative_to(finished.folder)
    return Sandbox(folder, run, finished.user, finished.trial)


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Forget what a page registers."""
    models_and_data = (MODELS, SAMPLERS, LOADERS, METRICS, COMPLEX_METRICS)
    with contextlib.ExitStack() as stack:
        for registry in (*models_and_data, SECTIONS, FIGURES, TRACKERS, EXECUTORS):
            stack.enter_context(registry.isolated())
        yield
