"""The key ``tracking``: trackers that a run is written for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from mmrec.config.describe import Accepts
from mmrec.config.fields import DISTINCT, as_list

Tracker = Literal["csv", "mlflow", "tensorboard"]


Trackers = Annotated[
    tuple[Tracker, ...],
    DISTINCT,
    BeforeValidator(as_list),
    Accepts("csv, mlflow or tensorboard, or a list of them"),
]
"""Names of trackers."""
