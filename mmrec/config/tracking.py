"""The key ``tracking``: trackers that a run is written for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from mmrec.config.describe import Accepts
from mmrec.config.fields import DISTINCT, as_list

Name = Annotated[
    str,
    Field(min_length=1),
    Accepts("the name of a tracker, such as csv, mlflow, tensorboard or wandb"),
]
Trackers = Annotated[tuple[Name, ...], DISTINCT, BeforeValidator(as_list)]
"""Names of trackers; the plan of a run checks that they exist."""
