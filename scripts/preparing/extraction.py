"""Encoding many inputs in batches, so that an interrupted extraction goes on with the same bits.

A batch is made of neighbours in the order of the ids. Its vectors are kept in a work folder under a
name that stands for the model, the ids and the content of its inputs: what is found there is right,
whatever has changed in between. Batches are never put together anew, because the vector of an input
can depend in the last bits on how many others are encoded with it.
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
"""By item id, what reads the content of its image or text."""

_FORMAT = 1
_LOG_EVERY = 50
"""Batches between two lines of the log."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """The vectors of all inputs, on disk.

    Attributes:
        ids: of the inputs that have a vector, ascending.
        unreadable: why the others have none, by id.
        n_found: how many batches were there from an earlier extraction.
    """

    ids: Sequence[str]
    unreadable: Mapping[str, str]
    n_found: int
    _files: Sequence[Path]

    def blocks(self) -> Iterator[Features]:
        """Yield the vectors of ``ids`` in their order, [n, F] float32, batch by batch."""
        for path in self._files:
            vectors = _Batch.load(path).vectors
            if len(vectors):
                yield vectors


def extract(inputs: Inputs, encoder: Encoder, batch_size: int, work: Path) -> Extraction:
    """Encode all inputs.

    Args:
        inputs: at least one.
        encoder: makes the vectors.
        batch_size: how many inputs are encoded at once.
        work: where the batches are kept; made if it is missing.

    Raises:
        DataError: the encoder does not keep its contract, or a batch cannot be written.
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
    """Write vectors to a new file or folder, in the format that its name asks for.

    Args:
        target: must not exist.
        ids: at least one.
        blocks: their vectors in the same order, [n, F] float32.
        scratch: an existing folder on a disk with room for the vectors once more.

    Raises:
        DataError: ``target`` exists or cannot be written, or a vector holds NaN or infinity.
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
        """Return a batch that was kept; None if there is none, or a damaged one."""
        try:
            return cls.load(path)
        except FileNotFoundError:
            return None
        except Exception as error:  # there is no end to the ways of being damaged
            logger.warning("%s is damaged and made anew: %s", path, error)
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
            raise  # a library is missing: that is not the input's fault
        except Exception as error:  # decoders answer damaged inputs with many kinds of errors
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
