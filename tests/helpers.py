"""Small builders that the tests of several packages share."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from mmrec.data import Dataset, Interactions, Vocabulary
from mmrec.evaluation import METRICS

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


def assert_contains(text: str, facts: Iterable[object]) -> None:
    """Check that a message contains facts such as a key, a value and the accepted values."""
    missing = [fact for fact in map(str, facts) if fact not in text]
    assert not missing, text


def assert_repeated_elsewhere(program: str, *arguments: object) -> None:
    """Check that a program prints the same here and in a process where texts have other hashes."""
    words = [str(argument) for argument in arguments]
    with (
        mock.patch.object(sys, "argv", ["-c", *words]),
        contextlib.redirect_stdout(io.StringIO()) as here,
    ):
        exec(program, {"__name__": "__main__"})
    assert here.getvalue()
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    elsewhere = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{program}\nprint(hash('any text'))", *words],
        env=os.environ | {"PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *lines, reported = elsewhere.stdout.splitlines(keepends=True)
    assert int(reported) != hash("any text")  # the hashes of the two processes do differ
    assert "".join(lines) == here.getvalue()


def metrics_of_cut_lists() -> list[str]:
    """The names of all metrics that do not need lists of all candidates."""
    return [name for name, metric in METRICS.items() if not metric.complete]


def interactions(mask: Sequence[Sequence[int]] | np.ndarray) -> Interactions:
    """The split with a row for every non-zero entry of a [U, I] matrix."""
    matrix = np.asarray(mask)
    users, items = matrix.nonzero()
    return Interactions.from_arrays(users, items, *matrix.shape)


def rated(ratings: np.ndarray) -> Interactions:
    """The split whose ratings are the non-zero entries of a [U, I] matrix."""
    users, items = ratings.nonzero()
    return Interactions.from_arrays(users, items, *ratings.shape, ratings[users, items])


def dataset_of(ratings: np.ndarray, features: Mapping[str, np.ndarray] | None = None) -> Dataset:
    """A data set whose ids are the numbers, with the non-zero entries of [U, I] in both splits."""
    train = rated(ratings)
    names = (Vocabulary(map(str, range(n))) for n in ratings.shape)
    return Dataset("toy", *names, train, None, train, features or {})


@contextlib.contextmanager
def no_file_above(n_bytes: int) -> Iterator[None]:
    """Let the system refuse to write more into any file, as it does when the disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def deny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system refuse everything below a folder, as it does to all users but root."""

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *rest: Any, **options: Any) -> Any:
            is_path = isinstance(path, str | bytes | os.PathLike)
            if is_path and Path(os.fsdecode(path)).absolute().is_relative_to(folder):
                raise PermissionError(13, "Permission denied", os.fsdecode(path))
            return function(path, *rest, **options)

        return call

    for name in ("stat", "lstat", "listdir", "scandir", "open", "mkdir"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    monkeypatch.setattr(io, "open", guarded(io.open))


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
