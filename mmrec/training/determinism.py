"""A context in which torch gives the same bits every time, and after which it is as before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.utils.deterministic as deterministic_settings

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@contextlib.contextmanager
def deterministic(device: torch.device, threads: int | None = None) -> Iterator[None]:
    """Run a trial deterministically and leave the process as it was found.

    Inside: deterministic algorithms only, no TF32, no autotuned convolutions, and torch's default
    generators are free to be seeded. Afterwards every switch, the environment and the state of
    the generators are what they were, so that a notebook's other cells do not notice.

    Args:
        device: where the trial runs; the generators of the CPU and of this device are restored.
        threads: of torch inside; None leaves their number as it is.
    """
    was_threads = torch.get_num_threads()
    cuda = [device] if device.type == "cuda" else []
    was_mode = torch.get_deterministic_debug_mode()
    was_filling = deterministic_settings.fill_uninitialized_memory  # type: ignore[attr-defined]
    was_workspace = os.environ.get(_CUBLAS)
    was_precision = torch.get_float32_matmul_precision()
    was_cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    was_cudnn_tf32 = torch.backends.cudnn.allow_tf32
    try:
        with torch.random.fork_rng(devices=cuda):
            os.environ[_CUBLAS] = ":4096:8"  # read when CUDA's first cuBLAS handle is made
            # use_deterministic_algorithms(True) would also import compilers, for seconds.
            torch.set_deterministic_debug_mode("error")
            # No result reads memory that it has not written; filling it would only cost time.
            deterministic_settings.fill_uninitialized_memory = False  # type: ignore[attr-defined]
            torch.set_float32_matmul_precision("highest")
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
            torch.backends.cudnn.allow_tf32 = False
            if threads is not None:
                torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(was_threads)
        torch.set_deterministic_debug_mode(was_mode)
        deterministic_settings.fill_uninitialized_memory = was_filling  # type: ignore[attr-defined]
        torch.set_float32_matmul_precision(was_precision)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = was_cudnn
        torch.backends.cudnn.allow_tf32 = was_cudnn_tf32
        if was_workspace is None:
            os.environ.pop(_CUBLAS, None)
        else:
            os.environ[_CUBLAS] = was_workspace


def resolve_device(gpu: int) -> tuple[torch.device, str | None]:
    """Return the device for the experiment's ``gpu``, and why it is another than asked for.

    -1 is the CPU. An index that this machine lacks falls back to the CPU, so that a file written
    for a machine with GPUs runs everywhere; the caller tells the user.
    """
    if gpu < 0:
        return torch.device("cpu"), None
    if not torch.cuda.is_available():
        return torch.device(
            "cpu"
        ), f"gpu: {gpu} is not there (torch sees no CUDA device): using CPU"
    if gpu >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        return torch.device("cpu"), f"gpu: {gpu} is not there (torch sees {count}): using CPU"
    return torch.device("cuda", gpu), None
