"""Where the paths of an experiment lead.

``{0}`` stands for the name of the dataset. A relative path starts at the folder of the experiment
file, never at the working directory, so that a file means the same wherever it is run from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from mmrec.config.describe import Accepts

PLACEHOLDER = "{0}"


@dataclass(frozen=True)
class Frame:
    """What a field deep in the file must know of the rest of it; pydantic's context."""

    base_dir: Path
    """Folder that relative paths start from."""
    dataset: str | None
    """Name of the dataset; None while it is not known."""
    top_k: int
    """Length of the lists; while it is not known, more than any cutoff."""

    @classmethod
    def of(cls, info: ValidationInfo) -> Frame:
        """Return the frame that ``read_experiment`` validates in."""
        if not isinstance(info.context, cls):
            raise TypeError("an Experiment is made by read_experiment, which knows its folder")
        return info.context


def locate(text: str, frame: Frame) -> Path:
    """Return the absolute path that ``text`` means.

    ``..`` is taken away by name, as Elliot does; symbolic links are not followed.

    Raises:
        ValueError: The text is empty or has a brace that does not belong to ``{0}``.
    """
    if not text.strip():
        raise ValueError("found an empty path")
    if any(brace in text.replace(PLACEHOLDER, "") for brace in "{}"):
        raise ValueError(f"found {text!r}; the only placeholder is {{0}}, the name of the dataset")
    named = text if frame.dataset is None else text.replace(PLACEHOLDER, frame.dataset)
    try:
        path = Path(named).expanduser()
    except RuntimeError as error:
        raise ValueError(f"found {text!r}; {error}") from None
    return Path(os.path.normpath(frame.base_dir / path))


def _located(value: object, info: ValidationInfo) -> object:
    return locate(str(value), Frame.of(info)) if isinstance(value, str | Path) else value


FilePath = Annotated[
    Path, BeforeValidator(_located), Accepts("a path; a relative one starts at this file's folder")
]
"""A path of the experiment file, absolute once it is read."""

LoaderOption = Annotated[Any, BeforeValidator(_located)]
"""A setting of a side-information loader: every text is a path, other values stay as they are."""
