"""A context in which torch computes the same bits every time, and which restores its settings."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
import torch.utils.deterministic as deterministic_settings

from mmrec.models.threads import torch_threads
from mmrec.text import counted

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"

_NESTED_CALLS = 1000
"""Python's own limit."""

_ONE_THREAD = threading.RLock()
"""Held inside of :func:`deterministic`: what it sets, and torch's default generators, belong to the
whole process, so that trials of several threads would draw from each other's."""

_T = TypeVar("_T")


@contextlib.contextmanager
def deterministic(device: torch.device, threads: int | None = None) -> Iterator[None]:
    """Run a trial deterministically, and restore the settings of the process afterwards.

    Inside: deterministic algorithms only, no TF32, no autotuned convolutions, new tensors are
    float32 and on the CPU, the modes are those of :func:`usual_modes`, and torch's default
    generators may be seeded. Afterwards every switch, the environment and the state of the
    generators are restored, so that the other cells of a notebook are not affected. Another thread
    that enters waits until this one has left.

    Args:
        device: where the trial runs; the generators of the CPU and of this device are restored.
        threads: number of torch's threads inside; None keeps it.
    """
    with _ONE_THREAD:
        cuda = [device] if device.type == "cuda" else []
        was_mode = torch.get_deterministic_debug_mode()
        was_filling = deterministic_settings.fill_uninitialized_memory  # type: ignore[attr-defined]
        was_workspace = os.environ.get(_CUBLAS)
        was_cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
        was_dtype = torch.get_default_dtype()
        try:
            with (
                torch.random.fork_rng(devices=cuda),
                _full_precision(),
                _on_cpu_by_default(),
                usual_modes(),
                torch_threads(threads),
            ):
                os.environ[_CUBLAS] = ":4096:8"  # read when CUDA's first cuBLAS handle is made
                # use_deterministic_algorithms(True) would also import compilers, for seconds.
                torch.set_deterministic_debug_mode("error")
                # No result reads memory that it has not written; filling it would only cost time.
                deterministic_settings.fill_uninitialized_memory = False  # type: ignore[attr-defined]
                torch.set_default_dtype(torch.float32)
                torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
                yield
        finally:
            torch.set_deterministic_debug_mode(was_mode)
            deterministic_settings.fill_uninitialized_memory = was_filling  # type: ignore[attr-defined]
            torch.set_default_dtype(was_dtype)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = was_cudnn
            if was_workspace is None:
                os.environ.pop(_CUBLAS, None)
            else:
                os.environ[_CUBLAS] = was_workspace


def seed_torch(seed: int, device: torch.device) -> None:
    """Seed the default generators of the CPU and of a device.

    ``torch.manual_seed`` seeds those of every kind of device. For each kind that is not in use it
    formats the stack of calls, which takes longer than a small step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(seed)


@contextlib.contextmanager
def usual_modes() -> Iterator[None]:
    """Compute and print as in a new process, whatever the caller has set; then restore it.

    Inside: gradients are recorded, neither inference mode nor autocast is on, numpy prints
    numbers in their shortest exact form, and calls may be nested as deeply as Python allows by
    default.
    """
    was_limit = sys.getrecursionlimit()
    with contextlib.ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                modes.enter_context(torch.autocast(device, enabled=False))
        modes.enter_context(np.printoptions(legacy=False))
        sys.setrecursionlimit(max(was_limit, _NESTED_CALLS))
        try:
            yield
        finally:
            sys.setrecursionlimit(was_limit)


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """Multiply float32 as float32: neither TF32 nor, on the CPU, bfloat16.

    torch has two sets of switches for it. The older ones cannot be read after the newer ones (from
    torch 2.9 on) have been set to another value, so the newer ones are reset first.
    """
    backends = torch.backends
    newer = [(x, x.fp32_precision) for x in _backends_of_precision()]
    was_matmul = _unless_refused(torch.get_float32_matmul_precision)
    was_cudnn = _unless_refused(lambda: backends.cudnn.allow_tf32)
    try:
        for backend, _ in newer:
            backend.fp32_precision = "none"
        torch.set_float32_matmul_precision("highest")
        backends.cudnn.allow_tf32 = False
        yield
    finally:
        for backend, _ in newer:
            backend.fp32_precision = "none"
        if was_matmul is not None:
            torch.set_float32_matmul_precision(was_matmul)
        if was_cudnn is not None:
            backends.cudnn.allow_tf32 = was_cudnn
        for backend, was in newer:
            backend.fp32_precision = was


def _backends_of_precision() -> list[Any]:
    """Return what has a newer switch: all backends together first, then each with its operations.

    The switch of an operation follows the earlier ones unless it is set, so it is set last.
    """
    b = torch.backends
    every = [b, b.cudnn, b.mkldnn, b.cuda.matmul, *_operations(b.cudnn), *_operations(b.mkldnn)]
    return [backend for backend in every if hasattr(backend, "fp32_precision")]


def _operations(backend: Any) -> list[Any]:  # noqa: ANN401
    return [getattr(backend, name, None) for name in ("matmul", "conv", "rnn")]


def _unless_refused(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except RuntimeError:  # the newer switches are in use
        return None


def _on_cpu_by_default() -> contextlib.AbstractContextManager[object]:
    """Create new tensors on the CPU by default; free if that is the case already."""
    cpu = torch.device("cpu")
    return contextlib.nullcontext() if torch.get_default_device() == cpu else cpu


def resolve_device(gpu: int) -> tuple[torch.device, str | None]:
    """Return the device for the experiment's ``gpu``, and why it is another than asked for.

    -1 is the CPU. An index that this machine does not have falls back to the CPU, so that a file
    written for a machine with GPUs runs everywhere; the caller reports it to the user.
    """
    if gpu < 0:
        return torch.device("cpu"), None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpu < count:
        return torch.device("cuda", gpu), None
    seen = counted(count, "CUDA device") if count else "no CUDA device"
    return torch.device("cpu"), f"gpu: {gpu} is not available (torch sees {seen}): using the CPU"
