"""Connect to Ray for the length of a run: to a cluster, or to one started on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmrec.errors import DataError
from mmrec.interruption import Interrupted

logger = logging.getLogger(__name__)

_OBJECT_STORE = 100 * 2**20
"""In bytes. Only records pass through it."""


@dataclass(frozen=True)
class Share:
    """What Ray reserves for a trial."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        return f"CPUs: {self.cpus}, GPUs: {self.gpus:g}"


@contextlib.contextmanager
def connected(address: str | None, share: Share, n_trials: int) -> Iterator[None]:
    """Connect to Ray, unless this process is connected already, and disconnect at the end.

    Args:
        address: of the cluster; None starts Ray on this machine, with room for all trials.
        share: what a trial needs.
        n_trials: how many run at the same time.

    Raises:
        DataError: there is no cluster at the address, or no GPU on this machine.
        Interrupted: SIGTERM arrived before Ray was connected.
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
    """Refuse an address where no process listens; Ray would try it for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:  # auto
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise DataError(f"Ray ({address}): no process listens there: {error}") from error


def _init(options: dict[str, Any]) -> None:
    """Start or join Ray; restore the signal handlers, which Ray replaces."""
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    was_terminated = False
    try:
        ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except SystemExit:  # how Ray reacts to SIGTERM
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
    """Keep Ray from printing messages of its processes and from reporting its use.

    Ray prints errors of its nodes even with ``log_to_driver=False``, and has no public switch for
    them. The private one is used if it exists; otherwise the messages appear.
    """
    import ray._private.worker as worker

    name, switch = "RAY_USAGE_STATS_ENABLED", "_worker_logs_enabled"
    was_set, was_printing = os.environ.get(name), getattr(worker, switch, True)
    os.environ.setdefault(name, "0")
    setattr(worker, switch, False)
    try:
        yield
    finally:
        setattr(worker, switch, was_printing)
        if was_set is None:
            del os.environ[name]
