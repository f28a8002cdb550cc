"""Having Ray for the length of a run: a cluster, or one of this machine's own."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmrec.config import Problems
from mmrec.errors import DataError
from mmrec.text import install_hint
from mmrec.training.trainer import Interrupted

logger = logging.getLogger(__name__)

_OBJECT_STORE = 100 * 2**20
"""Bytes; records are all that goes through it."""


@dataclass(frozen=True)
class Share:
    """What is set aside for a trial."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        return f"CPUs: {self.cpus}, GPUs: {self.gpus:g}"


def check_ray(problems: Problems) -> None:
    """Refuse an experiment that asks for Ray where it is not installed.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        problems.add(
            ("experiment", "execution", "backend"),
            f"Ray is not installed: {install_hint('ray')}",
        )
        problems.raise_if_any()


@contextlib.contextmanager
def connected(address: str | None, share: Share, n_trials: int) -> Iterator[None]:
    """Have Ray: the one that this process has already, a cluster, or one of this machine's own.

    Args:
        address: of the cluster; None starts Ray on this machine, with room for all trials.
        share: what a trial needs.
        n_trials: how many are under way at once.

    Raises:
        DataError: there is no cluster at the address, or no GPU on this machine.
        Interrupted: SIGTERM came before Ray was there.
    """
    import ray

    if ray.is_initialized():
        _check_room(share, may_grow=True)
        yield
        return
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {
            "address": "local",
            "num_cpus": n_trials * share.cpus,
            "object_store_memory": _OBJECT_STORE,
            "include_dashboard": False,
        }
    else:
        _check_reachable(address)
    with _quiet():
        try:
            _init(options)
            _check_room(share, may_grow=address is not None)
            yield
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuse an address where nobody listens; Ray would try it for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:  # auto
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise DataError(f"Ray ({address}): nobody listens there: {error}") from error


def _init(options: dict[str, Any]) -> None:
    """Start or join Ray, and keep what this process does at a signal: Ray sets its own."""
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    was_terminated = False
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except SystemExit:  # what Ray makes of SIGTERM
        was_terminated = True
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        hint = "" if options["address"] == "local" else "; a cluster may ask for RAY_AUTH_TOKEN"
        raise DataError(f"Ray ({options['address']}): {error}{hint}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
    if was_terminated:
        signal.raise_signal(signal.SIGTERM)
        raise Interrupted


def _check_room(share: Share, *, may_grow: bool) -> None:
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(n.get("CPU", 0) >= share.cpus and n.get("GPU", 0) >= share.gpus for n in nodes):
        return
    if not may_grow:
        raise DataError(f"execution: this machine has no room for a trial ({share})")
    logger.warning("no node of the Ray cluster has room for a trial (%s); waiting for one", share)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let Ray neither print the logs of its processes nor report its use to its makers."""
    import ray._private.worker as worker

    name = "RAY_USAGE_STATS_ENABLED"
    was_set, was_printing = os.environ.get(name), worker._worker_logs_enabled
    os.environ.setdefault(name, "0")
    worker._worker_logs_enabled = False
    try:
        yield
    finally:
        worker._worker_logs_enabled = was_printing
        if was_set is None:
            del os.environ[name]
