"""Encoding many inputs in batches; an interrupted extraction is resumed with the same bits.

Batches consist of consecutive inputs in the order of the ids. Their vectors are kept in a work
folder under a name derived from the model, the ids and the content of the inputs: existing files
are valid after any change. Batches are never regrouped, because the last bits of a vector can
depend on the size of its batch.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmrec.data import Features
from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError, listing
from mmrec.features.convert import ConvertReport, convert
from mmrec.features.writers import WRITERS, id_file
from mmrec.files import sha256, write_atomically
from preparing.encoders import Encoder

logger = logging.getLogger(__name__)

Inputs = Mapping[str, Callable[[], bytes]]
"""By item id, a function that reads the image or text."""

_FORMAT = 1
_LOG_EVERY = 50
"""Batches between two lines of the log."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """The vectors of all inputs, on disk."""

    ids: Sequence[str]
    """Inputs with a vector, ascending."""
    unreadable: Mapping[str, str]
    """Reasons of the others, by id."""
    n_found: int
    """Number of batches of an earlier extraction."""
    _files: Sequence[Path]

    def blocks(self) -> Iterator[Features]:
        """Yield the vectors of ``ids`` in their order, [n, F] float32, in batches."""
        for path in self._files:
            vectors = _Batch.load(path).vectors
            if len(vectors):
                yield vectors


def extract(inputs: Inputs, encoder: Encoder, batch_size: int, work: Path) -> Extraction:
    """Encode all inputs.

    Args:
        inputs: at least one.
        encoder: computes the vectors.
        batch_size: number of inputs per batch.
        work: folder of the batches; created if missing.

    Raises:
        DataError: the encoder returns another shape, or a batch cannot be written.
    """
    ids = sort_ids(inputs)
    readable: list[str] = []
    unreadable: dict[str, str] = {}
    files: list[Path] = []
    n_found = 0
    starts = range(0, len(ids), batch_size)
    for number, start in enumerate(starts, 1):
        batch_ids = ids[start : start + batch_size]
        contents = {item_id: _content(inputs[item_id]) for item_id in batch_ids}
        path = work / f"{_key(encoder, contents)}.npz"
        batch = _Batch.find(path)
        if batch is None:
            batch = _encode(encoder, contents)
            batch.save(path)
        else:
            n_found += 1
        files.append(path)
        readable.extend(batch.ids)
        unreadable.update(batch.unreadable)
        if number % _LOG_EVERY == 0 or number == len(starts):
            logger.info("%d of %d encoded", start + len(batch_ids), len(ids))
    return Extraction(readable, unreadable, n_found, files)


def write_vectors(
    target: Path, ids: Sequence[str], blocks: Iterator[Features], scratch: Path
) -> ConvertReport:
    """Write vectors to a new file or folder, in the format of its name.

    Args:
        target: must not exist.
        ids: at least one.
        blocks: their vectors in the same order, [n, F] float32.
        scratch: an existing folder with space for a copy of the vectors.

    Raises:
        DataError: ``target`` exists or cannot be written, or a vector contains NaN or infinity.
    """
    matrix = scratch / "vectors.npy"
    try:
        WRITERS["npy"](matrix, ids, blocks)
        return convert(matrix, target, source_format="npy")
    finally:
        matrix.unlink(missing_ok=True)
        id_file(matrix).unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class _Batch:
    ids: Sequence[str]
    vectors: Features
    unreadable: Mapping[str, str]

    def save(self, path: Path) -> None:
        buffer = io.BytesIO()
        facts = json.dumps({"ids": self.ids, "unreadable": self.unreadable})
        np.savez(buffer, facts=np.array(facts), vectors=self.vectors)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> _Batch:
        content = io.BytesIO(path.read_bytes())  # NumPy leaves a damaged file open
        with np.load(content, allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            return cls(facts["ids"], archive["vectors"], facts["unreadable"])

    @classmethod
    def find(cls, path: Path) -> _Batch | None:
        """Return an existing batch; None if it is missing or damaged."""
        try:
            return cls.load(path)
        except FileNotFoundError:
            return None
        except Exception as error:  # damaged files raise many types of exceptions
            logger.warning("%s is damaged and written anew: %s", path, error)
            return None


def _content(read: Callable[[], bytes]) -> bytes | OSError:
    try:
        return read()
    except OSError as error:
        return error


def _reason(error: Exception) -> str:
    """Return the message of an error, without the path that an OSError adds."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _key(encoder: Encoder, contents: Mapping[str, bytes | OSError]) -> str:
    members = [
        [item_id, sha256(content) if isinstance(content, bytes) else _reason(content)]
        for item_id, content in contents.items()
    ]
    facts = [_FORMAT, sorted(encoder.settings.items()), members]
    return sha256(json.dumps(facts).encode("utf-8", "surrogateescape"))


def _encode(encoder: Encoder, contents: Mapping[str, bytes | OSError]) -> _Batch:
    prepared, unreadable = {}, {}
    for item_id, content in contents.items():
        try:
            if isinstance(content, OSError):
                raise content
            prepared[item_id] = encoder.read(content)
        except DataError:
            raise  # a missing library, not an unreadable input
        except Exception as error:  # decoders raise many types of exceptions
            unreadable[item_id] = _reason(error)
    vectors = np.empty((0, 0), np.float32)
    if prepared:
        vectors = np.asarray(encoder.encode(list(prepared.values())), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(prepared):
            raise DataError(
                f"the model returned an array of the shape {vectors.shape} for the "
                f"{len(prepared)} inputs {listing(prepared, 3)}"
            )
    return _Batch(list(prepared), vectors, unreadable)
