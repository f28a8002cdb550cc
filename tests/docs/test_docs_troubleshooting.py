"""The messages in troubleshooting.md are those that mmrec gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_experiments import broken
from helpers import ROOT
from page_blocks import Block, blocks_of
from tiny_experiment import Write, settings

from mmrec.config import read_experiment
from mmrec.errors import ConfigError, MmrecError
from mmrec.experiment import run_experiment
from mmrec.planning.plan import make_plan
from mmrec.reporting.report import read_results

BLOCKS = list(blocks_of(ROOT / "docs" / "troubleshooting.md"))
CASES = [block for block in BLOCKS if "case" in block.marks]
ERRORS = [block for block in BLOCKS if "error" in block.marks]


def shows(block: Block, message: str) -> bool:
    """Whether the block is the message; ``...`` stands for anything."""
    pattern = ".*".join(map(re.escape, block.text.strip().split("...")))
    return re.search(pattern, message) is not None


def test_every_message_is_held_against_a_real_one() -> None:
    unmarked = [b.place for b in BLOCKS if b.language == "text" and not b.marks]
    assert not unmarked
    assert len(CASES) + len(ERRORS) >= 15


@pytest.mark.parametrize("block", CASES, ids=lambda block: block.marks["case"])
def test_the_message_about_a_file_is_the_one_that_is_shown(
    block: Block, config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config_folder)
    Path("config.yml").write_text(broken(block.marks["case"]))
    with pytest.raises(ConfigError) as error:
        make_plan(read_experiment(Path("config.yml")))
    assert any(shows(block, line) for line in str(error.value).splitlines()), error.value


def no_ids(write: Write, data: Path) -> str:
    for path in list((data / "image_feat").iterdir()):
        path.rename(path.with_name(f"item{path.name}"))
    return _refusal(write())


def other_lengths(write: Write, data: Path) -> str:
    np.save(data / "image_feat" / "10.npy", np.zeros(3, np.float32))
    return _refusal(write({"LightGCNM": settings()}))


def high_threshold(write: Write, data: Path) -> str:
    return _refusal(write(evaluation={"simple_metrics": ["Recall"], "relevance_threshold": 4}))


def loss_that_is_nan(write: Write, data: Path) -> str:
    return str(run_experiment(write({"LightGCNM": settings(lr=1e30)})).trials.loc[0, "error"])


def no_gpu(write: Write, data: Path) -> str:
    return _log(write(gpu=3))


def changed_data(write: Write, data: Path) -> str:
    models = {"external.Own": settings(lr=[0.01, 0.02])}
    path = write(models, external_models_path="m.py")
    train = str(data / "train.txt")
    other = (data / "train.txt").read_text().replace("\t1\n", "\t2\n")
    (path.parent / "m.py").write_text(
        "from pathlib import Path\n"
        "from mmrec.models import LightGCNM\n"
        "class Own(LightGCNM):\n"
        "    def begin_epoch(self, epoch, rng):\n"
        f"        Path({train!r}).write_text({other!r})\n"
    )
    return _refusal(path)


def no_validation(write: Write, data: Path) -> str:
    splits = {name: f"../data/{{0}}/{name[:-5]}.txt" for name in ("train_path", "test_path")}
    return _log(write(data_config={"strategy": "fixed", **splits}))


def outer_folder(write: Write, data: Path) -> str:
    outer = run_experiment(write()).folder.parent
    with pytest.raises(MmrecError) as error:
        read_results(outer)
    return str(error.value)


MAKERS: dict[str, Callable[[Write, Path], str]] = {
    "changed": changed_data,
    "ids": no_ids,
    "lengths": other_lengths,
    "threshold": high_threshold,
    "loss": loss_that_is_nan,
    "gpu": no_gpu,
    "validation": no_validation,
    "folder": outer_folder,
}


@pytest.mark.parametrize("block", ERRORS, ids=lambda block: block.marks["error"])
def test_the_message_of_a_run_is_the_one_that_is_shown(
    block: Block, experiment_file: Write, tmp_path: Path
) -> None:
    message = MAKERS[block.marks["error"]](experiment_file, tmp_path / "data" / "tiny")
    assert shows(block, message), message


def _refusal(path: Path) -> str:
    with pytest.raises(MmrecError) as error:
        run_experiment(path)
    return str(error.value)


def _log(path: Path) -> str:
    return (run_experiment(path).folder / "run.log").read_text()
