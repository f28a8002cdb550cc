"""The key ``execution``: workers, devices and threads."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mmrec.config.describe import Accepts
from mmrec.config.fields import Count, Integer, Real, Section, as_list
from mmrec.errors import nearest


def _ray_address(value: str) -> str:
    if re.fullmatch(r"auto|(ray://)?(\[[0-9A-Fa-f:]+\]|[\w.-]+):[0-9]+", value) is None:
        raise ValueError(
            f"found {value!r}{nearest(value, ['auto'])}; accepted: auto, host:port or "
            "ray://host:port"
        )
    return value


_Device = Annotated[Integer, Field(ge=-1)]


class Execution(Section):
    """How trials are executed; only ``threads`` can change results."""

    backend: Annotated[str, Field(min_length=1)] = "processes"
    """Executor of the trials: ``processes`` on this machine, a ``ray`` cluster, or one of your
    own."""
    address: Annotated[str, AfterValidator(_ray_address)] | None = None
    """Ray cluster: ``auto`` for the cluster of this machine, ``host:port`` or
    ``ray://host:port``. By default, Ray is started on this machine for the run."""
    cpus_per_trial: Count | None = None
    """CPUs that Ray reserves for a trial; ``threads`` by default."""
    gpus_per_trial: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """GPUs that Ray reserves for a trial; with 0.5, two trials share one."""
    workers: Count = 1
    """Trials that run at the same time."""
    devices: Annotated[
        tuple[_Device, ...] | None,
        BeforeValidator(as_list, json_schema_input_type=tuple[_Device, ...] | _Device | None),
        Accepts("a list of numbers of CUDA devices, -1 for the CPU"),
    ] = None
    """Devices, assigned to the workers in turn; ``gpu`` for all by default."""
    threads: Count | None = None
    """Threads of a trial; by default one for small data, otherwise the cores divided by the
    workers. Results may differ in the last bits between numbers of threads."""
    checkpoint_rate: Count | None = None
    """Epochs between two checkpoints; by default, a checkpoint follows each evaluation."""
