"""What a run must reproduce bit for bit, whatever happened to it."""

from __future__ import annotations

from pathlib import Path

from mmrec.files import sha256_of_file
from mmrec.runs.weights import read_weights
from mmrec.training.digests import digest_of_state


def bits(results: Path) -> dict[str, str]:
    """The digests of what must not differ: the best figures, the lists, and the weights.

    Args:
        results: the folder of the results of one data set, with one finished run.
    """
    (best,) = results.glob("performance/run_*/best.tsv")
    found = {path.name: sha256_of_file(path) for path in [best, *results.glob("recs/*.tsv")]}
    for path in results.glob("weights/*/*.safetensors"):
        found[path.name] = digest_of_state(read_weights(path).state)
    return found
