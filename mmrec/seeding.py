"""Seeds by purpose: every random draw of a trial comes from the trial's one seed.

Each purpose (initial values, the samples of epoch 7) has its own seed. A draw therefore does not
depend on earlier draws: epochs can be repeated or resumed, and trials can run in any order, with
the same bits.
"""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, *purpose: str | int) -> int:
    """Derive the seed of one purpose, for example ``seed_for(123, "triplets", epoch)``.

    Returns:
        A number from 0 to 2^63 - 1, the same on every machine and in every process.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def rng_for(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return a numpy generator for one purpose."""
    return np.random.default_rng(seed_for(seed, *purpose))
