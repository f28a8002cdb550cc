"""The key ``tracking``: which other tools a run is handed on to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from mmrec.config.describe import Accepts
from mmrec.config.fields import as_list, repeated
from mmrec.errors import listing

Tracker = Literal["csv", "mlflow", "tensorboard"]


def _differ(value: tuple[Tracker, ...]) -> tuple[Tracker, ...]:
    if repeated(value):
        raise ValueError(f"found {listing(repeated(value))} twice; accepted: each once")
    return value


Trackers = Annotated[
    tuple[Tracker, ...],
    AfterValidator(_differ),
    BeforeValidator(as_list),
    Accepts("csv, mlflow or tensorboard, or a list of them"),
]
"""Names of trackers, each at most once."""
