"""The deterministic context: what holds inside, and that nothing of it stays."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.utils.deterministic as settings

from mmrec.training.determinism import deterministic, resolve_device

CPU = torch.device("cpu")
CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


def switches() -> dict[str, object]:
    """Every switch that the context turns, as it stands."""
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill": settings.fill_uninitialized_memory,  # type: ignore[attr-defined]
        "matmul precision": torch.get_float32_matmul_precision(),
        "cudnn deterministic": torch.backends.cudnn.deterministic,
        "cudnn benchmark": torch.backends.cudnn.benchmark,
        "cudnn tf32": torch.backends.cudnn.allow_tf32,
        "workspace": os.environ.get(CUBLAS),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
    }


def turn(values: dict[str, object]) -> None:
    torch.use_deterministic_algorithms(values["deterministic"], warn_only=values["warn only"])  # type: ignore[arg-type]
    settings.fill_uninitialized_memory = values["fill"]  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision(values["matmul precision"])  # type: ignore[arg-type]
    torch.backends.cudnn.deterministic = values["cudnn deterministic"]
    torch.backends.cudnn.benchmark = values["cudnn benchmark"]
    torch.backends.cudnn.allow_tf32 = values["cudnn tf32"]
    torch.set_num_threads(values["threads"])  # type: ignore[arg-type]
    torch.set_default_dtype(values["dtype"])  # type: ignore[arg-type]
    if "device" in values:  # None sets nothing at all, which the CPU would
        torch.set_default_device(None if values["device"] == CPU else values["device"])  # type: ignore[arg-type]
    os.environ.pop(CUBLAS, None)
    if values["workspace"] is not None:
        os.environ[CUBLAS] = str(values["workspace"])


USUAL = {
    "deterministic": False,
    "warn only": False,
    "fill": True,
    "matmul precision": "highest",
    "cudnn deterministic": False,
    "cudnn benchmark": False,
    "cudnn tf32": True,
    "workspace": None,
    "threads": 1,
    "dtype": torch.float32,
    "device": CPU,
}
UNUSUAL = {
    "deterministic": True,
    "warn only": True,
    "fill": False,
    "matmul precision": "medium",
    "cudnn deterministic": True,
    "cudnn benchmark": True,
    "cudnn tf32": False,
    "workspace": ":16:8",
    "threads": 2,
    "dtype": torch.float64,
    "device": torch.device("meta"),
}


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before, state = switches(), torch.get_rng_state()
    yield
    turn(before)
    torch.set_rng_state(state)


@pytest.fixture(params=[USUAL, UNUSUAL], ids=["usual", "unusual"])
def before(request: pytest.FixtureRequest) -> dict[str, object]:
    values: dict[str, object] = request.param
    turn(values)
    assert switches() == values
    return values


def test_inside(before: dict[str, object]) -> None:
    with deterministic(CPU):
        assert switches() == before | {
            "deterministic": True,
            "warn only": False,
            "fill": False,
            "matmul precision": "highest",
            "cudnn deterministic": True,
            "cudnn benchmark": False,
            "cudnn tf32": False,
            "workspace": ":4096:8",
            "dtype": torch.float32,
            "device": CPU,
        }
        assert torch.ones(1).device == CPU


def newer_switches() -> dict[str, str]:
    """What torch 2.9 has instead of ``float32_matmul_precision`` and ``allow_tf32``."""
    backends = {"all": torch.backends, "cudnn": torch.backends.cudnn, "cpu": torch.backends.mkldnn}
    backends["cuda.matmul"] = torch.backends.cuda.matmul
    for name in ("matmul", "conv", "rnn"):
        backends[f"cpu.{name}"] = getattr(torch.backends.mkldnn, name)
        if name != "matmul":
            backends[f"cudnn.{name}"] = getattr(torch.backends.cudnn, name)
    return {name: backend.fp32_precision for name, backend in backends.items()}


SET_NEWER = """
fp32_precision = 'tf32'
cuda.matmul.fp32_precision = 'tf32'
cudnn.fp32_precision = 'tf32'
cudnn.conv.fp32_precision = 'ieee'
mkldnn.fp32_precision = 'bf16'
mkldnn.matmul.fp32_precision = 'bf16'
cuda.matmul.allow_tf32 = True
"""


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch 2.9 and later")
def test_products_are_of_full_precision_whichever_switch_was_set() -> None:
    # In a process of its own: there is no way back to what an operation starts with.
    script = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
from mmrec.training.determinism import deterministic
from test_training_determinism import SET_NEWER, newer_switches
for line in SET_NEWER.split("\\n"):
    exec(line and "torch.backends." + line)
    before = newer_switches()
    with deterministic(torch.device("cpu")):
        assert set(newer_switches().values()) <= {{"ieee", "none"}}, (line, newer_switches())
        assert torch.get_float32_matmul_precision() == "highest", line
        assert not torch.backends.cudnn.allow_tf32, line
    assert newer_switches() == before, (line, before, newer_switches())
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_switch_is_restored(before: dict[str, object]) -> None:
    with deterministic(CPU):
        pass
    assert switches() == before


def test_every_switch_is_restored_after_an_error(before: dict[str, object]) -> None:
    def interrupted() -> None:
        with deterministic(CPU):
            changed = UNUSUAL | {"workspace": "something else", "threads": 1}
            turn({name: value for name, value in changed.items() if name != "device"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert switches() == before


def test_the_number_of_threads_inside_may_be_given() -> None:
    turn(UNUSUAL)
    with deterministic(CPU, threads=1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("fails", [False, True], ids=["ends", "raises"])
def test_generators_continue_from_their_earlier_state(fails: bool) -> None:
    torch.manual_seed(5)
    torch.rand(3)
    expected_torch = torch.rand(2)
    rng, python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002

    torch.manual_seed(5)
    torch.rand(3)
    try:
        with deterministic(CPU):
            torch.manual_seed(99)
            torch.rand(1000)
            assert not fails, "the body fails"
    except AssertionError:
        assert fails
    assert torch.equal(torch.rand(2), expected_torch)
    np.testing.assert_equal(np.random.get_state(legacy=False), rng)  # noqa: NPY002
    assert random.getstate() == python


def test_nested() -> None:
    turn(USUAL)
    with deterministic(CPU):
        inside = switches()
        with deterministic(CPU):
            assert switches() == inside
        assert switches() == inside
    assert switches() == USUAL


def test_threads_take_turns() -> None:
    """The generators belong to the process: a thread would draw from those of another one."""

    def draw(seed: int) -> list[float]:
        with deterministic(CPU):
            torch.manual_seed(seed)
            return [torch.rand(1000).sum().item() for _ in range(200)]

    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(draw, [1, 2] * 4))
    assert drawn == [draw(1), draw(2)] * 4


def test_an_algorithm_that_is_not_deterministic_is_an_error_inside() -> None:
    # Which of two values stays at a place that is written twice is not defined.
    x, places, values = torch.zeros(4), torch.tensor([0, 0]), torch.tensor([1.0, 2.0])
    with deterministic(CPU), pytest.raises(RuntimeError, match="does not have a deterministic"):
        x.put_(places, values)


def test_the_cpu_when_asked_for() -> None:
    assert resolve_device(-1) == (CPU, None)


def test_an_index_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device(0) == (
        CPU,
        "gpu: 0 is not available (torch sees no CUDA device): using the CPU",
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    message = "gpu: 2 is not available (torch sees 2 CUDA devices): using the CPU"
    assert resolve_device(2) == (CPU, message)
    assert resolve_device(1) == (torch.device("cuda", 1), None)
