"""Replaying recorded steps: the reference's six files, and many from a dense implementation."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from dense_reference import N_ITEMS, Case, record
from helpers import REFERENCE, ROOT

SCRIPT = ROOT / "scripts" / "replay_reference.py"
STEPS = REFERENCE / "steps"
NAMES = [
    "lattice_lightgcn",
    "lattice_mf",
    "lattice_ngcf",
    "lightgcnm_concat",
    "lightgcnm_mean",
    "lightgcnm_sum_unnormalized",
]
MODELS_STEPS = REFERENCE.parent / "models" / "steps"
MODELS_NAMES = [
    "bm3_dropout",
    "bm3_plain",
    "bm3_visual",
    "bprmf_formal",
    "bprmf_formal_strongreg",
    "freedom_full",
    "freedom_pruned",
    "freedom_textual",
    "lightgcn_formal_3layers",
    "lightgcn_formal_unnormalized",
    "grcn_aligned_confid",
    "grcn_aligned_mean_noprune_act",
    "grcn_formal_published",
    "grcn_mmrec",
    "mgcn_deep",
    "mgcn_default",
    "mmgcn_formal_concat_noid",
    "mmgcn_formal_published",
    "mmgcn_mmrec",
    "ngcf_formal_3layers",
    "ngcf_formal_dropout",
    "ngcf_formal_unnormalized",
    "ngcfm_ducho_3layers",
    "ngcfm_ducho_dropout",
    "ngcfm_ducho_textual_unnormalized",
    "sgl_ducho_ed",
    "sgl_ducho_nd",
    "sgl_ducho_noaug",
    "sgl_ducho_rw",
    "simgcl_ducho_noeps",
    "simgcl_ducho_published",
    "simgcl_ducho_unnormalized",
    "vbpr_formal_concat",
    "vbpr_formal_textual",
    "vbpr_mbpr",
    "vbpr_mmrec_concat",
]
CLOSED_FORM_NAMES = [
    "attributeitemknn_cosine",
    "attributeitemknn_dense_cosine",
    "attributeitemknn_dense_euclidean_binary",
    "attributeuserknn_binary_cosine",
    "attributeuserknn_tfidf_cosine",
    "itemknncbf_concat",
    "itemknncbf_textual",
    "itemknncbf_visual_shrink0",
    "easer_binary",
    "easer_default_graded",
    "easer_graded_indefinite",
    "ials2022",
    "ials2022_nu05",
    "ials_linear",
    "ials_linear_alpha20",
    "ials_log",
    "itemknn_aiolli_adjusted",
    "itemknn_aiolli_asymmetric",
    "itemknn_aiolli_cosine_shrink10",
    "itemknn_aiolli_cosine_unnormalised_shrink10",
    "itemknn_aiolli_dice",
    "itemknn_aiolli_jaccard",
    "itemknn_aiolli_pearson",
    "itemknn_aiolli_tversky",
    "itemknn_standard_correlation",
    "itemknn_standard_cosine_binary",
    "itemknn_standard_cosine_graded",
    "itemknn_standard_dot",
    "itemknn_standard_euclidean",
    "itemknn_standard_jaccard",
    "p3alpha_graded",
    "puresvd_f10",
    "puresvd_f3",
    "puresvd_gap",
    "rp3beta_binary",
    "rp3beta_default_graded",
    "rp3beta_normalised_alpha08",
    "rp3beta_uncut",
    "slim_hide",
    "slim_hide_graded",
    "slim_hide_signed_graded",
    "slim_nohide",
    "userknn_aiolli_adjusted",
    "userknn_aiolli_asymmetric",
    "userknn_aiolli_cosine_shrink10",
    "userknn_aiolli_cosine_unnormalised_shrink10",
    "userknn_aiolli_dice",
    "userknn_aiolli_jaccard",
    "userknn_aiolli_pearson",
    "userknn_aiolli_tversky",
    "userknn_standard_correlation",
    "userknn_standard_cosine_binary",
    "userknn_standard_cosine_graded",
    "userknn_standard_dot",
    "userknn_standard_euclidean",
    "userknn_standard_jaccard",
]
recorded_files = pytest.mark.skipif(
    not STEPS.is_dir(), reason="the recorded values (../shared/reference) are not here"
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(script: ModuleType) -> Callable[..., int]:
    def call(*arguments: Path | str) -> int:
        status: int = script.main([str(argument) for argument in arguments])
        return status

    return call


def expected_quantities(path: Path) -> set[str]:
    """The name of every quantity that a file records."""
    with np.load(path) as recorded:
        keys, n_steps = recorded.files, len(recorded["loss"])
    quantities = {f"loss of step {step}" for step in range(n_steps)}
    quantities |= {"final user embeddings", "final item embeddings", "final scores"}
    for key in keys:
        kind, _, name = key.partition("/")
        if kind == "grad_step0":
            quantities.add(f"gradient of {name}")
        elif kind == "final":
            quantities.add(f"final {name}")
    if "item_graph_after_step0_dense" in keys:
        quantities.add("item graph of step 0")
    return quantities


def assert_agrees(script: ModuleType, path: Path) -> None:
    rows = list(script.replay(path))
    assert {row.quantity for row in rows} == expected_quantities(path)
    assert [row.quantity for row in rows if not row.within] == []


@recorded_files
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_the_reference(name: str, script: ModuleType) -> None:
    assert_agrees(script, STEPS / f"{name}.npz")


@recorded_files
@pytest.mark.parametrize("name", MODELS_NAMES)
def test_agrees_with_the_public_code_of_other_models(name: str, script: ModuleType) -> None:
    path = MODELS_STEPS / f"{name}.npz"
    rows = list(script.replay(path))
    with np.load(path) as recorded:
        n_steps = len(recorded["loss"])
        n_gradients = sum(key.startswith("grad_step0/") for key in recorded.files)
    assert [row.quantity for row in rows if not row.within] == []
    named = [row.quantity for row in rows]
    assert sum(name.startswith("loss of step") for name in named) == n_steps
    assert sum(name.startswith("gradient of") for name in named) >= n_gradients - 2
    assert {"final user embeddings", "final item embeddings", "final scores"} <= set(named)


@recorded_files
def test_the_reference_has_no_other_files() -> None:
    assert sorted(path.stem for path in STEPS.glob("*.npz")) == NAMES


@recorded_files
def test_command_line() -> None:
    files = [str(STEPS / f"{name}.npz") for name in NAMES[1::3]]  # one of each model
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *files], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == NAMES[1::3]
    assert "2 files" in lines[-1]
    assert "0 quantities out of bounds" in lines[-1]
    assert "OUT OF BOUNDS" not in done.stdout


@recorded_files
@pytest.mark.parametrize("name", CLOSED_FORM_NAMES)
def test_agrees_with_the_public_code_of_recommenders_in_closed_form(
    name: str, script: ModuleType
) -> None:
    rows = {row.quantity: row for row in script.replay(MODELS_STEPS / f"{name}.npz")}
    assert [quantity for quantity, row in rows.items() if not row.within] == []
    assert any(quantity.startswith("scores") for quantity in rows)


@recorded_files
def test_a_file_that_documents_an_error_is_left_out(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(MODELS_STEPS / "slim_elliot_rowbug_graded.npz") == 0
    output = capsys.readouterr().out
    assert "slim_elliot_rowbug_graded  left out" in output
    assert "0 files replayed" in output


def perturbed(source: Path, target: Path, key: str) -> Path:
    """Copy a file with one of its numbers changed by a thousandth of the largest, and a bit."""
    with np.load(source) as archive:
        recorded: dict[str, Any] = dict(archive)
    values = recorded[key].astype(np.float64)
    values.flat[values.size // 2] += 1e-3 * np.abs(values).max() + 1e-4
    recorded[key] = values
    np.savez(target, **recorded)
    return target


QUANTITIES = {
    "loss": "loss of step 3",
    "grad_step0/Gu.weight": "gradient of Gu.weight",
    "final/Gu.weight": "final Gu.weight",
    "final_user": "final user embeddings",
    "final_item": "final item embeddings",
    "final_scores": "final scores",
    "item_graph_after_step0_dense": "item graph of step 0",
    "grad_step0/importance_weights_m": "gradient of importance_weights_m",
    "final/projection_m.textual.bias": "final projection_m.textual.bias",
}


@recorded_files
@pytest.mark.parametrize("key", QUANTITIES)
def test_one_changed_value_is_found(
    key: str, run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = perturbed(STEPS / "lattice_lightgcn.npz", tmp_path / "lattice_copy.npz", key)
    assert run(path, STEPS / "lightgcnm_mean.npz") == 1
    output = capsys.readouterr().out
    (found,) = [line for line in output.splitlines() if line.endswith("OUT OF BOUNDS")]
    assert found.startswith("lattice_copy ")
    assert f"  {QUANTITIES[key]} " in found
    assert "1 quantities out of bounds" in output


@recorded_files
def test_a_nan_is_found(run: Callable[..., int], tmp_path: Path) -> None:
    with np.load(STEPS / "lightgcnm_mean.npz") as archive:
        recorded: dict[str, Any] = dict(archive)
    recorded["loss"][4] = np.nan
    np.savez(tmp_path / "lightgcnm_copy.npz", **recorded)
    assert run(tmp_path / "lightgcnm_copy.npz") == 1


@recorded_files
def test_gradients_that_are_noise_are_not_compared(script: ModuleType, tmp_path: Path) -> None:
    with np.load(MODELS_STEPS / "grcn_aligned_confid.npz") as archive:
        recorded: dict[str, Any] = dict(archive)
    name = "model_specific_conf.weight"
    recorded[f"grad_step0/{name}"][recorded[f"noise/{name}"]] += 1
    np.savez(tmp_path / "grcn_copy.npz", **recorded)
    assert all(row.within for row in script.replay(tmp_path / "grcn_copy.npz"))


@recorded_files
def test_other_inputs_give_other_numbers(script: ModuleType, tmp_path: Path) -> None:
    # A comparison that always succeeded would also succeed with another learning rate.
    with np.load(STEPS / "lattice_ngcf.npz") as archive:
        recorded: dict[str, Any] = dict(archive)
    path = tmp_path / "lattice_copy.npz"
    np.savez(path, **(recorded | {"lr": 1.1 * recorded["lr"]}))
    rows = {row.quantity: row.within for row in script.replay(path)}
    assert rows["loss of step 0"]
    assert not rows["loss of step 1"]
    assert not rows["final Gu.weight"]


VISUAL, BOTH = {"visual": 7}, {"visual": 7, "textual": 4}
THREE = {"visual": 7, "textual": 4, "audio": 9}
# Not the order of the alphabet, and names that no loader has by default.
OTHER = {"zebra": 5, "ant": 8}


def lightgcnm(
    widths: dict[str, int],
    aggregation: str = "mean",
    normalize: bool = True,
    n_layers: int = 1,
    **case: Any,
) -> Case:
    settings = {"aggregation": aggregation, "normalize": normalize, "n_layers": n_layers}
    return Case("LightGCNM", settings, widths, **case)


def lattice(
    widths: dict[str, int],
    cf: str = "lightgcn",
    top_k: int = 4,
    l_m: float = 0.4,
    n_layers: int = 1,
    n_ui_layers: int = 2,
    **case: Any,
) -> Case:
    settings = {
        "cf": cf,
        "top_k": top_k,
        "l_m": l_m,
        "n_layers": n_layers,
        "n_ui_layers": n_ui_layers,
        "rebuild_item_graph_at_steps": np.array([2, 3]),
    }
    return Case("LATTICE", settings, widths, **case)


CASES = {
    "LightGCNM, one modality": lightgcnm(VISUAL),
    "LightGCNM, three modalities": lightgcnm(THREE, factors=3),
    "LightGCNM, other names": lightgcnm(OTHER, n_layers=2),
    "LightGCNM, no layers": lightgcnm(BOTH, n_layers=0),
    "LightGCNM, three layers": lightgcnm(BOTH, n_layers=3, factors=2),
    "LightGCNM, mean, raw": lightgcnm(BOTH, "mean", False, 2),
    "LightGCNM, sum": lightgcnm(BOTH, "sum", True, 2),
    "LightGCNM, sum, raw": lightgcnm(THREE, "sum", False, 1),
    "LightGCNM, concat": lightgcnm(THREE, "concat", True, 1, factors=9),
    "LightGCNM, concat, raw": lightgcnm(BOTH, "concat", False, 2),
    "LightGCNM, concat of one": lightgcnm(VISUAL, "concat"),
    "LightGCNM, duplicate items": lightgcnm(BOTH, duplicates=True),
    "LightGCNM, no penalty": lightgcnm(BOTH, l_w=0.0),
    "LATTICE, one modality": lattice(VISUAL),
    "LATTICE, three modalities": lattice(THREE, factors=3, factors_multimod=8),
    "LATTICE, other names": lattice(OTHER, factors=9, factors_multimod=2),
    "LATTICE, no item layers": lattice(BOTH, n_layers=0),
    "LATTICE, three item layers": lattice(BOTH, n_layers=3),
    "LATTICE, no user-item layers": lattice(BOTH, n_ui_layers=0),
    "LATTICE, four user-item layers": lattice(BOTH, n_ui_layers=4),
    "LATTICE, top 1": lattice(BOTH, top_k=1),
    "LATTICE, top I": lattice(BOTH, top_k=N_ITEMS),
    "LATTICE, top above I": lattice(THREE, top_k=N_ITEMS + 20),
    "LATTICE, learned graph alone": lattice(BOTH, l_m=0.0),
    "LATTICE, raw graph alone": lattice(BOTH, l_m=1.0),
    "LATTICE, mf": lattice(BOTH, "mf", n_layers=2, n_ui_layers=1),
    "LATTICE, mf, one modality": lattice(VISUAL, "mf", l_m=0.9),
    "LATTICE, ngcf": lattice(BOTH, "ngcf"),
    "LATTICE, ngcf, no layers": lattice(BOTH, "ngcf", n_ui_layers=0),
    "LATTICE, ngcf, four layers": lattice(THREE, "ngcf", n_ui_layers=4, factors=4),
    "LATTICE, duplicate items": lattice(BOTH, duplicates=True, seed=25),
    "LATTICE, duplicate items, top I": lattice(THREE, "mf", N_ITEMS, duplicates=True),
    "LATTICE, no penalty": lattice(BOTH, l_w=0.0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_agrees_with_a_dense_implementation(case: Case, script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / f"{case.model.lower()}_case.npz"
    record(case, path)
    assert_agrees(script, path)


def test_the_dense_implementation_agrees_with_itself_only(
    script: ModuleType, tmp_path: Path
) -> None:
    # The cases do differ: a file replayed under another setting is out of bounds.
    path = tmp_path / "lattice_case.npz"
    record(lattice(BOTH), path)
    with np.load(path) as archive:
        recorded: dict[str, Any] = dict(archive)
    for key, value in {"top_k": 5, "l_m": 0.5, "n_layers": 2, "n_ui_layers": 1, "cf": "mf"}.items():
        np.savez(path, **(recorded | {key: value}))
        assert any(not row.within for row in script.replay(path)), key


@pytest.mark.parametrize(
    ("name", "config", "model"),
    [
        ("lattice_anything", {}, "lattice"),
        ("LightGCNM", {"model": "LATTICE"}, "lightgcnm"),
        ("steps_7", {"model": "LATTICE"}, "lattice"),
        ("steps_7", {"model": "NoSuchModel"}, None),
        ("steps_7", {}, None),
    ],
)
def test_the_model_of_a_file_is_that_of_its_name_or_configuration(
    name: str, config: dict[str, str], model: str | None, script: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.npz"
    np.savez(path, config=json.dumps(config))
    assert script.model_of(path) == model


def test_a_file_of_no_model_is_refused(run: Callable[..., int], tmp_path: Path) -> None:
    np.savez(tmp_path / "nothing_1.npz", loss=np.zeros(3))
    with pytest.raises(SystemExit, match=r"nothing_1\.npz"):
        run(tmp_path / "nothing_1.npz")
