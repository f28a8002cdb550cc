"""Small builders that the tests of several packages share."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mmrec.data import Interactions

ROOT = Path(__file__).parents[1]
"""The repository."""
REFERENCE = ROOT.parent / "shared" / "reference"
"""Values recorded from the reference implementation; not part of the repository."""


def refusal(kind: type[Exception], function: Callable[..., object], *args: object) -> str:
    """Call a function that must raise exactly ``kind``; return the whole message."""
    with pytest.raises(kind) as caught:
        function(*args)
    assert type(caught.value) is kind
    return str(caught.value)


def interactions(mask: Sequence[Sequence[int]] | np.ndarray) -> Interactions:
    """The split with a row for every non-zero entry of a [U, I] matrix."""
    matrix = np.asarray(mask)
    users, items = matrix.nonzero()
    return Interactions.from_arrays(users, items, *matrix.shape)


@contextmanager
def no_file_above(n_bytes: int) -> Iterator[None]:
    """Let the system refuse to write more into any file, as it does when the disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def write_text(path: Path, content: str | bytes) -> Path:
    """Write exactly these characters or bytes, line ends too."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_vectors(folder: Path, vectors: Mapping[str, np.ndarray]) -> Path:
    """Write ``<item>.npy`` for every item."""
    folder.mkdir(exist_ok=True)
    for item, vector in vectors.items():
        np.save(folder / f"{item}.npy", vector)
    return folder
