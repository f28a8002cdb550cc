"""The notebook of the tutorial: clean as it is committed, and run from top to bottom."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import nbclient
import nbformat
import pytest
from helpers import ROOT

NOTEBOOK = ROOT / "docs" / "notebooks" / "hands_on_2.ipynb"
AT_MOST = 60.0
"""Seconds of processor time; what else the machine does is not its fault."""

STATE = """
import os, random, resource
import matplotlib, numpy, torch
def _state():
    ours = {k: v for k, v in os.environ.items() if not k.startswith("TORCHINDUCTOR_")}
    looks = {k: v for k, v in matplotlib.rcParams.items() if k != "interactive"}  # the kernel's
    return [
        random.getstate(), str(numpy.random.get_state()), torch.get_rng_state().tolist(),
        torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(), torch.get_default_dtype(),
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark,
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32,
        looks, os.getcwd(), ours,
    ]
torch.manual_seed(7); random.seed(7); numpy.random.seed(7)
_before = _state()
"""
SAME = "[one == other for one, other in zip(_before, _state(), strict=True)]"
COST = "sum(sum(resource.getrusage(who)[:2]) for who in (0, resource.RUSAGE_CHILDREN))"


def test_the_notebook_is_committed_clean() -> None:
    """As Jupyter writes it, without anything of a run."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    nbformat.validate(content)
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert content["metadata"]["language_info"] == {"name": "python"}
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in content["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert text.count("%pip") == 1


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells of the notebook by id, run in an empty folder, so on the demonstration data."""
    folder = tmp_path_factory.mktemp("notebook")
    for name in ("cwd", "tmp", "cache", "ipython", "jupyter"):
        (folder / name).mkdir()
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    new = nbformat.v4.new_code_cell
    notebook.cells.insert(0, new(STATE, id="state"))
    notebook.cells += [new(SAME, id="same"), new(COST, id="cost")]
    surroundings = {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"),
        "OMP_NUM_THREADS": "1",
    }
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": folder / "cwd"}},
    )
    # On a busy machine the kernel may take a while to end, and is killed if it is not waited for.
    client.create_kernel_manager().shutdown_wait_time = 60
    client.execute(env=os.environ | surroundings)
    found = {cell["id"]: cell for cell in notebook.cells}
    found["folder"] = folder
    return found


def shown(cell: Any, kind: str) -> list[str]:
    """What the outputs of a cell show in a form, such as text/plain."""
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("default")  # those of the Jupyter client are not ours
def test_the_results_are_shown(cells: dict[str, Any]) -> None:
    assert printed(cells["install"]) == ""
    assert "LightGCNM:\n" in printed(cells["write"])
    assert shown(cells["trials-lightgcnm"], "text/plain")[0].count("\n") == 4
    for name in ("run-lightgcnm", "run-lattice", "trials-lightgcnm", "compare"):
        assert "<table" in "".join(shown(cells[name], "text/html")), name
    figures = ("curves-lightgcnm", "heatmap-lightgcnm", "weights-lattice", "per-user", "popularity")
    for name in figures:
        assert len(shown(cells[name], "image/png")) == 1, name
        assert len(cells[name].outputs) == 1, name
    reported = shown(cells["compare"], "text/plain")[0]
    assert "LightGCNM" in reported
    assert "LATTICE" in reported


@pytest.mark.exhaustive
def test_the_excerpts_are_the_code_that_runs(cells: dict[str, Any]) -> None:
    for name, start in (
        ("code-loader", "@register_loader\nclass VisualAttribute(FolderLoader):"),
        ("code-base", "@abstractmethod\ndef embed(self)"),
        ("code-model", "def __init__(self, config: LightGCNMConfig"),
        ("code-graph", "def item_graph(self"),
        ("code-sampler", "@register_sampler\nclass UniformUsers(Sampler):"),
        ("write-own", '"""MyModel: '),
    ):
        assert shown(cells[name], "text/plain")[0].startswith(start), name
    assert "(12, 8), (18, 8)" in shown(cells["use-step"], "text/plain")[0]
    assert "MyModel" in shown(cells["run-own"], "text/plain")[0]


@pytest.mark.exhaustive
def test_progress_is_one_output_that_moves(cells: dict[str, Any]) -> None:
    for name, n_trials in (("run-lightgcnm", 4), ("run-lattice", 2)):
        outputs = cells[name].outputs
        first, second, *ended, last = [output.output_type for output in outputs]
        assert (first, second, last) == ("stream", "display_data", "execute_result")
        assert set(ended) == {"stream"}
        plan, bar = outputs[0].text, shown(cells[name], "text/plain")[0]
        assert plan.count("\n") < 20
        lines = printed(cells[name]).removeprefix(plan).splitlines()
        places = [line.partition(" ")[0] for line in lines]
        assert places == [f"[{place}/{n_trials}]" for place in range(1, n_trials + 1)]
        assert "\r" not in printed(cells[name])
        assert bar.startswith(f"trials {n_trials}/{n_trials} |█")
        assert "\n" not in bar
        assert "best Recall@20" in bar


@pytest.mark.exhaustive
def test_another_process_comes_to_the_same_bits(cells: dict[str, Any]) -> None:
    assert printed(cells["verify"]).startswith("identical: run_")
    assert "2 trials" in printed(cells["verify"])


@pytest.mark.exhaustive
def test_nothing_is_left_behind(cells: dict[str, Any]) -> None:
    same = json.loads(shown(cells["same"], "text/plain")[0].lower())
    assert same == [True] * len(same)
    assert list((cells["folder"] / "cwd").iterdir()) == []
    deadline = time.monotonic() + 60  # the kernel ends by itself
    while left := list((cells["folder"] / "tmp").glob("mmrec_*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.exhaustive
def test_it_is_quick(cells: dict[str, Any]) -> None:
    assert float(shown(cells["cost"], "text/plain")[0]) < AT_MOST
